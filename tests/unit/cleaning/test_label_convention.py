"""One source has one convention: strong evidence decides it, weak evidence follows, and a setting stands above both."""

import pytest

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.label_convention import find_convention
from stock_ml.config import Settings, load
from stock_ml.errors import AmbiguousTimestamps, BadFile
from tests.label_files import feed, with_auction
from tests.unit.cleaning.test_raw_months import Held


def settings(source: str = "alpha_vantage", **given: object) -> Settings:
    own = {"alphavantage_api_key": "none"} if source == "alpha_vantage" else {"csv_path": "folder"}
    return load(_env_file=None, source=source, symbols="A,B,C,D", **own, **given)


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
    assert kept.convention() == "start"
    assert "STOCKML_LABELS=start is applied to A; its bars say: range" in caplog.text


def test_each_file_of_a_folder_tells_by_itself_and_helps_those_that_do_not():
    kept, s = lake("csv"), settings("csv")
    assert find_convention(s, kept, "A", with_auction("end"), "A.csv")["convention"] == "end"
    assert find_convention(s, kept, "B", weak("start"), "B.csv")["taken_from"] == "other symbols of the source"
    assert find_convention(s, kept, "C", feed("start"), "C.csv")["convention"] == "start"
    with pytest.raises(AmbiguousTimestamps, match=r"^D.csv"):
        find_convention(s, kept, "D", weak("start"), "D.csv")


def test_bars_stamped_in_utc_need_no_labels():
    kept = lake("yahoo")
    rows = feed("start").assign(ts=0)
    found = find_convention(settings("csv"), kept, "A", rows, "A")
    assert (found["convention"], found["taken_from"], kept.convention()) == ("start", "stamps in UTC", "start")


def test_labels_that_are_no_minutes_are_refused_whatever_the_setting_says():
    rows = feed("start")
    with pytest.raises(BadFile, match="these are 2-minute"):
        find_convention(settings(labels="start"), lake(), "A", rows[rows["label"].dt.minute % 2 == 0], "A")
