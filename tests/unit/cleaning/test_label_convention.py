"""One source has one convention: strong evidence decides it, weak evidence follows, and a setting stands above both."""

from pathlib import Path

import pandas as pd
import pytest

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import cleaning_rules
from stock_ml.cleaning.label_convention import check_files, find_convention
from stock_ml.config import Settings, load
from stock_ml.errors import AmbiguousTimestamps, BadFile
from stock_ml.sources.parsing.rows import VALUES
from tests.label_files import feed, with_auction
from tests.unit.cleaning.test_raw_months import Held


def settings(**given: object) -> Settings:
    return load(_env_file=None, source="alpha_vantage", alphavantage_api_key="none", symbols="A,B,C,D", **given)


def lake(source: str = "alpha_vantage") -> Lake:
    return Lake(Held(), source)


def weak(labels: str):
    """Return rows with one sign: the volume at the close."""
    rows = feed(labels, extended=True).assign(high=101.0)
    return rows[rows["label"].dt.strftime("%H:%M").between("08:07", "16:43")]


def test_strong_evidence_decides_for_the_source_and_weak_evidence_that_differs_follows():
    kept, s = lake(), settings()
    first = find_convention(s, kept, "A", with_auction("end"), "A")
    assert (first["convention"], first["taken_from"], first["sure"]) == ("end", "its own bars", "strong")
    second = find_convention(s, kept, "B", weak("start"), "B")
    assert (second["convention"], second["taken_from"], second["says"]) == (
        "end",
        "earlier bars of the source",
        "start",
    )
    assert kept.convention() == "end"


def test_weak_evidence_decides_nothing_alone_and_is_read_once_others_know():
    kept, s = lake(), settings()
    with pytest.raises(AmbiguousTimestamps, match="B: do its labels mark the start or the end of a bar"):
        find_convention(s, kept, "B", weak("end"), "B")
    assert kept.convention() is None
    find_convention(s, kept, "A", with_auction("end"), "A")
    assert find_convention(s, kept, "B", weak("end"), "B")["convention"] == "end"


def test_three_symbols_with_one_sign_each_decide_together():
    kept, s = lake(), settings()
    for symbol in ("A", "B"):
        with pytest.raises(AmbiguousTimestamps):
            find_convention(s, kept, symbol, weak("end"), symbol)
    third = find_convention(s, kept, "C", weak("end"), "C")
    assert (third["convention"], third["taken_from"]) == ("end", "other symbols of the source")
    assert kept.convention() == "end"


def test_strong_evidence_that_contradicts_what_was_learned_is_an_error_naming_figures_and_setting():
    kept, s = lake(), settings()
    find_convention(s, kept, "A", feed("start"), "A")
    with pytest.raises(AmbiguousTimestamps, match=r"labelled bars by their start so far.*\(end\).*STOCKML_LABELS"):
        find_convention(s, kept, "B", with_auction("end"), "B")
    assert find_convention(s, kept, "B", with_auction("end").iloc[:0], "B")["convention"] == "start"


def test_the_setting_decides_and_says_so(caplog):
    kept = lake()
    found = find_convention(settings(labels="start"), kept, "A", with_auction("end"), "A")
    assert (found["convention"], found["taken_from"], found["says"]) == ("start", "STOCKML_LABELS", "end")
    assert kept.convention() is None  # without the setting it is learned from the bars
    assert "STOCKML_LABELS=start is applied to A; its bars say: range" in caplog.text


def test_another_setting_cleans_past_months_anew():
    assert "labels" not in cleaning_rules(settings(), "A")
    assert cleaning_rules(settings(labels="end"), "A")["labels"] == "end"


def folder(path: Path, **files: pd.DataFrame) -> Settings:
    """Return the settings of a folder with these rows, a file each."""
    for name, rows in files.items():
        text = rows.rename(columns={"label": "timestamp"}).to_csv(index=False, columns=["timestamp", *VALUES])
        (path / f"{name}.csv").write_text(text)
    return load(_env_file=None, source="csv", csv_path=path)


def test_each_file_of_a_folder_tells_by_itself_and_helps_those_that_do_not(tmp_path):
    s, kept = folder(tmp_path, A=with_auction("end"), B=weak("start")), lake("csv")
    second = find_convention(s, kept, "B", weak("start"), "B.csv")
    assert (second["convention"], second["taken_from"]) == ("end", "other symbols of the source")
    assert find_convention(s, kept, "A", with_auction("end"), "A.csv")["taken_from"] == "its own bars"
    check_files(s)


def test_files_whose_labels_differ_surely_are_each_read_their_own_way_and_decide_for_no_other(tmp_path):
    s, kept = folder(tmp_path, A=with_auction("end"), B=feed("start"), C=weak("start")), lake("csv")
    assert find_convention(s, kept, "A", with_auction("end"), "A.csv")["convention"] == "end"
    assert find_convention(s, kept, "B", feed("start"), "B.csv")["convention"] == "start"
    with pytest.raises(AmbiguousTimestamps, match=r"^C.csv"):
        find_convention(s, kept, "C", weak("start"), "C.csv")
    with pytest.raises(AmbiguousTimestamps, match=r"^the file of C: "):
        check_files(s)
    check_files(s.model_copy(update={"labels": "start"}))


def test_a_file_of_longer_bars_is_refused_before_anything_starts(tmp_path, caplog):
    rows = feed("start")
    s = folder(tmp_path, A=rows[rows["label"].dt.minute % 2 == 0], B=weak("start"))
    with pytest.raises(BadFile, match=r"A.csv: these are 2-minute bars"):
        check_files(s)
    with pytest.raises(AmbiguousTimestamps, match=r"^B.csv"):
        find_convention(s, lake("csv"), "B", weak("start"), "B.csv")
    assert "the labels of A say nothing of the others: A.csv: these are 2-minute bars" in caplog.text


def test_bars_stamped_in_utc_need_no_labels():
    kept = lake("yahoo")
    rows = feed("start").assign(ts=0)
    found = find_convention(settings(), kept, "A", rows, "A")
    assert (found["convention"], found["taken_from"], kept.convention()) == ("start", "stamps in UTC", "start")


def test_labels_that_are_no_minutes_are_refused_whatever_the_setting_says():
    rows = feed("start")
    with pytest.raises(BadFile, match="these are 2-minute"):
        find_convention(settings(labels="start"), lake(), "A", rows[rows["label"].dt.minute % 2 == 0], "A")
