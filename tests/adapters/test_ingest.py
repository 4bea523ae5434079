"""From the source to clean bars in the lake, on real servers; each step may run again."""

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_ml import errors
from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.cleaning.month_inventory import inventory
from stock_ml.cleaning.shared_gaps import find_shared_gaps, quality_reports
from stock_ml.config import Settings
from stock_ml.domain.bars import epoch, validate
from stock_ml.domain.calendar import sessions
from stock_ml.domain.request_budget import Budget
from stock_ml.ingestion.download import download, download_from
from stock_ml.ingestion.plan import Plan, make_plan
from stock_ml.sources.parsing import Response
from stock_ml.sources.registry import open_source
from tests.adapters.conftest import empty, move_clock

XNYS = sessions("XNYS")
HEADER = "timestamp,open,high,low,close,volume\n"


def emptied(s: Settings, **given: object) -> Settings:
    """Return settings with an empty bucket."""
    own = s.model_copy(update={"s3_bucket": "ingest", "symbols": ("GOOGL", "AAPL"), "history_months": 1, **given})
    empty(Lake.connect(own))
    return own


@pytest.fixture
def s(s3: Settings, sandbox: Settings) -> Settings:
    return emptied(s3)


def ingest(s: Settings) -> list[dict]:
    return [clean_symbol(s, download(s, item)) for item in make_plan(s).items]


def everything(s: Settings) -> dict[str, bytes | None]:
    objects = Lake.connect(s).objects
    return {key: objects.get(key) for key in objects.keys("")}


class Ending:
    """Give so many months, then say that the day is spent."""

    name = "sandbox"

    def __init__(self, s: Settings, months: int) -> None:
        self.source, self.left, self.asked = open_source(s), months, []

    def fetch(self, symbol: str, month: str) -> Response:
        self.asked.append(month)
        if len(self.asked) > self.left:
            raise errors.DailyLimit("all requests are spent")
        return self.source.fetch(symbol, month)


def test_history_and_the_running_session_become_clean_bars_up_to_the_sources_clock(s):
    now = move_clock(s, 0)
    reports = ingest(s)
    bars = validate(Lake.connect(s).read_clean())
    assert [r["symbol"] for r in reports] == ["GOOGL", "AAPL"]
    assert bars["symbol"].unique().tolist() == ["AAPL", "GOOGL"]
    assert (XNYS.number(epoch(bars["ts"])) >= 0).all()
    assert now - 600 < epoch(bars["ts"]).max() + 60 <= now
    february = reports[0]["months"]["2024-02"]
    assert len(february["sessions"]) == 20
    assert february["label_convention"] == Lake.connect(s).convention() == "start"
    assert february["rows_read"] == february["kept"] + february["extended_hours"]


def test_run_again_at_once_there_is_nothing_to_do_and_no_byte_changes(s):
    ingest(s)
    before = everything(s)
    assert make_plan(s) == Plan([{"symbol": name, "months": []} for name in ("GOOGL", "AAPL")], [0, 0], Budget(), 0)
    ingest(s)
    assert everything(s) == before


@pytest.mark.parametrize("lost", ["raw/", "clean/", "quality/"])
def test_of_a_bucket_that_was_half_deleted_the_next_run_makes_the_same_clean_bars_again(s, lost):
    move_clock(s, 0)
    ingest(s)
    lake = Lake.connect(s)
    before = {key: lake.objects.get(key) for key in lake.objects.keys("clean/")}
    for key in lake.objects.keys(lost):
        lake.objects.delete(key)
    ingest(s)
    assert {key: lake.objects.get(key) for key in lake.objects.keys("clean/")} == before
    assert make_plan(s).requests == 0


def test_minutes_later_only_the_current_month_is_asked_for_again(s):
    ingest(s)
    move_clock(s, 120)
    made = make_plan(s)
    assert made.items == [{"symbol": name, "months": ["2024-03"]} for name in ("GOOGL", "AAPL")]
    assert made.summary() == "2 symbols, 2 months to clean, 2 requests: at once"


def test_a_run_that_was_killed_goes_on_where_it_was(s):
    item = {"symbol": "GOOGL", "months": ["2024-02"]}
    [key] = download(s, item)["raw"].values()  # and then it died: nothing is clean
    assert make_plan(s).items[0]["months"] == ["2024-02", "2024-03"]
    assert make_plan(s).requests == 3  # of AAPL both months, of GOOGL the current one
    assert download(s, item)["raw"] == {"2024-02": key}


def test_a_month_that_is_given_again_after_it_ended_is_whole_though_no_byte_is_new(s):
    answer = open_source(s).fetch("GOOGL", "2024-02")
    early = float(XNYS.closes[np.searchsorted(XNYS.dates, np.datetime64("2024-02-29"))]) - 60
    key = Lake.connect(s).put_raw(replace(answer, fetched_at=early))
    item = {"symbol": "GOOGL", "months": ["2024-02"]}
    asking = Ending(s, 1)
    reports = [clean_symbol(s, download_from(asking, s, item))["months"]["2024-02"] for _ in range(2)]
    assert asking.asked == ["2024-02"]
    assert [(report["raw"], report["known_at"] > early) for report in reports] == [(key, True)] * 2
    assert make_plan(s).items[0]["months"] == ["2024-03"]


def test_runs_that_go_side_by_side_ask_once_for_a_month_that_goes_on(s):
    move_clock(s, 0)
    asking, item = Ending(s, 1), {"symbol": "GOOGL", "months": ["2024-03"]}
    assert download_from(asking, s, item)["raw"] == download_from(asking, s, item)["raw"]
    assert asking.asked == ["2024-03"]


def broken(s: Settings, month: str, label: str | None) -> str:
    """Store for a whole month what cannot be used, a bar at an impossible time or ten bars, and return the key."""
    answer = open_source(s).fetch("GOOGL", month)
    given = json.loads(answer.body)
    bars = given["Time Series (1min)"]
    given["Time Series (1min)"] = (
        dict(list(bars.items())[-10:]) if label is None else bars | {label: next(iter(bars.values()))}
    )
    return Lake.connect(s).put_raw(replace(answer, body=json.dumps(given).encode(), fetched_at=answer.fetched_at - 60))


@pytest.mark.parametrize(
    ("label", "expected", "says"),
    [
        (
            "2023-03-12 02:30:00",
            errors.BadFile,
            r"the answer of sandbox for GOOGL 2023-03, column label: 2023-03-12 02",
        ),
        (None, errors.BadQuality, "GOOGL 2023-03: .* of the minutes of complete sessions lie outside feed gaps"),
    ],
)
def test_a_month_that_could_not_be_used_is_asked_for_again_and_what_was_received_stays(s, label, expected, says):
    lake, item = Lake.connect(s), {"symbol": "GOOGL", "months": ["2023-03"]}
    clean_symbol(s, download(s, {"symbol": "GOOGL", "months": ["2023-02"]}))
    before = lake.read_clean()
    bad = broken(s, "2023-03", label)
    with pytest.raises(expected, match=says):
        clean_symbol(s, download(s, item))
    pd.testing.assert_frame_equal(lake.read_clean(), before)
    again = download(s, item)
    assert again["raw"]["2023-03"] != bad
    assert bad in lake.raw_keys("GOOGL", "2023-03")
    assert clean_symbol(s, again)["months"]["2023-03"]["coverage"] > 0.8


def test_a_month_that_is_missing_is_told_with_the_reason(s):
    for month in ("2023-01", "2023-05"):
        clean_symbol(s, download(s, {"symbol": "GOOGL", "months": [month]}))
    broken(s, "2023-02", None)
    broken(s, "2023-03", None)
    with pytest.raises(errors.BadQuality):
        clean_symbol(s, {"symbol": "GOOGL", "months": ["2023-03"]})
    found = inventory(s, "GOOGL")
    assert list(found.months) == ["2023-01", "2023-05"]
    assert list(found.absent) == ["2023-02", "2023-03", "2023-04"]
    assert (found.absent["2023-02"], found.absent["2023-04"]) == ("received and not clean yet", "never received")
    assert "of the minutes of complete sessions lie outside feed gaps" in found.absent["2023-03"]
    with pytest.raises(errors.NoBars, match=r"no clean bars of '\.\./\.\./x'"):
        inventory(s, "../../x")


def halved(s: Settings, month: str) -> str:
    """Store for a month what the source would have said of it before a split, and return the key."""
    lake, source = Lake.connect(s), open_source(s)
    answer = source.fetch("GOOGL", month)
    given = json.loads(answer.body)
    bars = given["Time Series (1min)"]
    for bar in bars.values():
        bar.update({name: f"{float(value) / 2:.4f}" for name, value in bar.items() if "volume" not in name})
    before = replace(answer, body=json.dumps(given).encode(), fetched_at=answer.fetched_at - 60)
    return lake.put_raw(before)


def test_a_split_in_what_came_before_is_reported_and_history_is_asked_for_again_as_far_as_it_changed(s, caplog):
    lake = Lake.connect(s)
    unchanged = lake.put_raw(open_source(s).fetch("GOOGL", "2023-12"))
    old = {month: halved(s, month) for month in ("2024-01", "2024-02", "2024-03")}
    clean_symbol(s, {"symbol": "GOOGL", "months": ["2023-12", *old], "raw": {"2023-12": unchanged, **old}})
    item = download(s, {"symbol": "GOOGL", "months": ["2024-03"]})
    assert item["months"] == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert item["raw"]["2023-12"] == unchanged
    assert {month: round(told["ratio"], 6) for month, told in item["revisions"].items()} == dict.fromkeys(old, 2.0)
    assert "prices are 2 times what they were" in caplog.text
    reports = clean_symbol(s, item)["months"]
    assert [told["before"] for told in reports["2024-02"]["revisions"]] == [old["2024-02"]]
    close = lake.read_clean(["GOOGL"])["close"].to_numpy()
    assert np.abs(np.diff(np.log(close))).max() < 0.4  # nothing old is glued to anything new
    again = clean_symbol(s, item)["months"]
    assert again["2024-02"] == reports["2024-02"]


@pytest.mark.parametrize("answers", [1, 2])
def test_a_revision_is_found_again_after_a_run_died_before_it_had_asked_for_earlier_months(s, answers):
    old = {month: halved(s, month) for month in ("2023-12", "2024-01", "2024-02", "2024-03")}
    clean_symbol(s, {"symbol": "GOOGL", "months": list(old), "raw": old})
    item = {"symbol": "GOOGL", "months": ["2024-03"]}
    with pytest.raises(errors.DailyLimit):
        download_from(Ending(s, answers), s, item)
    later = Ending(s, 9)
    found = download_from(later, s, item)
    assert {month: round(told["ratio"], 6) for month, told in found["revisions"].items()} == dict.fromkeys(old, 2.0)
    assert later.asked == ["2024-02", "2024-01", "2023-12"][answers - 1 :]  # nothing is asked for twice
    assert found["raw"].keys() == old.keys()
    assert not set(found["raw"].values()) & set(old.values())


def test_a_revision_stored_by_a_run_that_died_is_found_though_its_month_is_whole(s):
    old = {month: halved(s, month) for month in ("2024-01", "2024-02")}
    clean_symbol(s, {"symbol": "GOOGL", "months": list(old), "raw": old})
    Lake.connect(s).put_raw(open_source(s).fetch("GOOGL", "2024-02"))  # and then it died
    found = download(s, {"symbol": "GOOGL", "months": ["2024-02"]})
    assert found["months"] == sorted(found["revisions"]) == ["2024-01", "2024-02"]


def test_a_split_at_a_months_first_session_is_seen_though_nothing_of_the_month_came_before(s):
    old = halved(s, "2024-02")
    clean_symbol(s, {"symbol": "GOOGL", "months": ["2024-02"], "raw": {"2024-02": old}})
    item = download(s, {"symbol": "GOOGL", "months": ["2024-03"]})
    assert item["months"] == ["2024-02", "2024-03"]
    assert round(item["revisions"]["2024-02"]["ratio"], 6) == 2.0


def test_another_adjustment_fetches_history_again_and_is_no_revision(s):
    ingest(s)
    other = s.model_copy(update={"alphavantage_adjusted": not s.alphavantage_adjusted})
    made = make_plan(other)
    assert (made.requests, [item["months"] for item in made.items]) == (4, [["2024-02", "2024-03"]] * 2)
    reports = ingest(other)
    assert [report["revisions"] for one in reports for report in one["months"].values()] == [[]] * 4
    assert reports[0]["months"]["2024-02"]["rules"]["adjusted"] is other.alphavantage_adjusted
    assert make_plan(other).items == [{"symbol": name, "months": []} for name in ("GOOGL", "AAPL")]


def test_of_yahoo_the_plan_counts_windows_at_their_pace_and_no_month_out_of_reach(s3):
    own = emptied(s3, source="yahoo", symbols=("GOOGL",), history_months=12)
    made = make_plan(own)
    assert 1 <= len(made.items[0]["months"]) <= 3
    assert 5 <= made.requests <= 7  # thirty days, seven at a time, begun anew with each month
    assert "at 60 a minute" in made.summary()


def test_what_a_spent_day_left_is_noted_and_the_next_run_goes_on_there(s):
    lake, spent = Lake.connect(s), Ending(s, 1)
    wanted = {"symbol": "GOOGL", "months": ["2023-12", "2024-01", "2024-02"]}
    with pytest.raises(errors.DailyLimit, match=r"Left of GOOGL: 2024-01, 2024-02; noted in quality/.*left\.json"):
        download_from(spent, s, wanted)
    assert lake.quality.read_left("GOOGL") == ["2024-01", "2024-02"]
    first = lake.raw_keys("GOOGL", "2023-12")
    assert list(download(s, wanted)["raw"]) == wanted["months"]
    assert lake.raw_keys("GOOGL", "2023-12") == first
    assert lake.quality.read_left("GOOGL") == []


def test_the_same_raw_objects_give_the_same_clean_bytes(s):
    items = [download(s, item) for item in make_plan(s).items]
    for item in items:
        clean_symbol(s, item)
    before = everything(s)
    for item in items:
        for month in item["months"]:
            Lake.connect(s).drop_clean(item["symbol"], month)
        clean_symbol(s, item)
    assert everything(s) == before


def test_time_passing_adds_bars_and_changes_none(s):
    ingest(s)
    before = Lake.connect(s).read_clean()
    move_clock(s, 600)
    ingest(s)
    after = Lake.connect(s).read_clean()
    both = before.merge(after, on=["symbol", "ts"], suffixes=("", "_then"))
    assert len(after) > len(before) == len(both)
    assert (both["close"] == both["close_then"]).all()


def test_a_changed_rule_cleans_past_months_anew_from_what_is_stored(s):
    ingest(s)
    raw = [key for key in everything(s) if key.startswith("raw/") and "2024-02" in key]
    changed = s.model_copy(update={"feed_gap_minutes": 1})
    assert [item["months"] for item in make_plan(changed).items] == [["2024-02", "2024-03"]] * 2
    ingest(changed)
    assert [key for key in everything(s) if key.startswith("raw/") and "2024-02" in key] == raw
    assert Lake.connect(s).read_quality("GOOGL", "2024-02")["rules"]["feed_gap_minutes"] == 1


def test_labels_that_contradict_what_was_learned_are_refused_and_nothing_is_written(s):
    Lake.connect(s).write_convention("end")
    with pytest.raises(errors.AmbiguousTimestamps, match=r"delete quality/source=sandbox/convention.json"):
        ingest(s)
    assert Lake.connect(s).clean_months("GOOGL") == []


def test_a_symbol_that_the_source_does_not_know_is_an_error(s):
    with pytest.raises(errors.BadSymbol):
        download(s, {"symbol": "no such", "months": ["2024-02"]})


def test_a_month_before_a_symbol_was_traded_is_left_out(s):
    item = download(s, {"symbol": "GOOGL", "months": ["1999-12", "2024-02"]})
    assert list(item["raw"]) == ["2024-02"]
    assert list(clean_symbol(s, item)["months"]) == ["2024-02"]


class Listed(Ending):
    """Have no bars before a month, and count what it is asked for."""

    def __init__(self, s: Settings, since: str, refusal: type[errors.NoBars] = errors.NoBars) -> None:
        super().__init__(s, 99)
        self.since, self.refusal = since, refusal

    def fetch(self, symbol: str, month: str) -> Response:
        found = super().fetch(symbol, month)
        if month < self.since:
            raise self.refusal("none of that month")
        return found


def test_past_months_without_bars_are_asked_for_twice_and_the_current_one_each_time(s):
    own = s.model_copy(update={"history_months": 3, "symbols": ("GOOGL",)})
    source = Listed(own, "2024-02")
    clean_symbol(own, download_from(source, own, make_plan(own).items[0]))
    assert source.asked == ["2023-12", "2024-01", "2024-02", "2024-03"]
    move_clock(own, 3600)
    clean_symbol(own, download_from(source, own, make_plan(own).items[0]))
    assert source.asked[4:] == ["2023-12", "2024-01", "2024-03"]
    source.asked.clear()
    assert make_plan(own) == Plan([{"symbol": "GOOGL", "months": []}], [0], Budget(), 0)
    assert download_from(source, own, {"symbol": "GOOGL", "months": ["2023-12", "2024-01"]})["raw"] == {}
    assert source.asked == []
    none_yet = Listed(own, "2024-04")
    for _ in range(2):
        move_clock(own, 120)
        download_from(none_yet, own, {"symbol": "GOOGL", "months": ["2024-03"]})
    assert none_yet.asked == ["2024-03"] * 2


@pytest.mark.parametrize("refusal", [errors.NoBars, errors.BadSymbol])
def test_one_mistaken_word_does_not_write_a_month_off(s, refusal):
    class Mistaken(Ending):
        says = True

        def fetch(self, symbol: str, month: str) -> Response:
            found = super().fetch(symbol, month)
            if self.says and month == "2024-01":
                raise refusal("no data found, symbol may be delisted")
            return found

    own = s.model_copy(update={"history_months": 3, "symbols": ("GOOGL",)})
    source = Mistaken(own, 99)
    clean_symbol(own, download_from(source, own, make_plan(own).items[0]))
    assert make_plan(own).items[0]["months"] == ["2024-01"]
    download_from(source, own, make_plan(own).items[0])  # a second try of the same run is told the same
    assert make_plan(own).items[0]["months"] == ["2024-01"]
    source.says = False
    clean_symbol(own, download_from(source, own, make_plan(own).items[0]))
    assert Lake.connect(own).clean_months("GOOGL") == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert source.asked.count("2024-01") == 3


def test_a_first_run_that_is_told_of_no_data_by_mistake_writes_no_month_off(s):
    own = s.model_copy(update={"history_months": 3, "symbols": ("GOOGL",)})
    source = Listed(own, "2024-04")
    with pytest.raises(errors.NoBars):
        download_from(source, own, make_plan(own).items[0])
    source.since = "2000-01"
    clean_symbol(own, download_from(source, own, make_plan(own).items[0]))
    assert Lake.connect(own).clean_months("GOOGL") == ["2023-12", "2024-01", "2024-02", "2024-03"]


def test_what_a_spent_day_found_without_bars_is_asked_for_once_more(s):
    source = Listed(s, "2024-03")
    source.left = 1
    with pytest.raises(errors.DailyLimit, match="Left of GOOGL: 2024-01, 2024-02;"):
        download_from(source, s, {"symbol": "GOOGL", "months": ["2023-12", "2024-01", "2024-02"]})
    source.left = 99
    with pytest.raises(errors.NoBars):
        download_from(source, s, {"symbol": "GOOGL", "months": ["2023-12", "2024-01", "2024-02"]})
    assert source.asked == ["2023-12", "2024-01", "2023-12", "2024-01", "2024-02"]
    move_clock(s, 3600)
    with pytest.raises(errors.NoBars):
        download_from(source, s, {"symbol": "GOOGL", "months": ["2023-12", "2024-01", "2024-02"]})
    assert download_from(source, s, {"symbol": "GOOGL", "months": ["2023-12", "2024-01", "2024-02"]})["raw"] == {}
    assert source.asked[5:] == ["2023-12", "2024-01", "2024-02"]


def test_of_a_symbol_that_is_not_known_nothing_is_remembered(s):
    source, item = Listed(s, "2024-04", errors.BadSymbol), {"symbol": "GOOGL", "months": ["2024-01", "2024-02"]}
    for _ in range(2):
        with pytest.raises(errors.BadSymbol):
            download_from(source, s, item)
    assert source.asked == ["2024-01", "2024-02"] * 2


def test_a_month_without_bars_between_others_is_told_as_that(s):
    class Paused(Listed):
        def fetch(self, symbol: str, month: str) -> Response:
            self.since = "2023-03" if month == "2023-02" else ""
            return super().fetch(symbol, month)

    months = ["2023-01", "2023-02", "2023-03"]
    clean_symbol(s, download_from(Paused(s, ""), s, {"symbol": "GOOGL", "months": months}))
    assert inventory(s, "GOOGL").absent == {"2023-02": "the source has no bars of it"}


def test_a_hole_in_all_symbols_at_once_is_named_and_stored(s, caplog):
    lake = Lake.connect(s)
    items = [{"symbol": name, "months": ["2024-02"]} for name in ("GOOGL", "AAPL")]
    for item in items:
        clean_symbol(s, download(s, item))
        bars = lake.read_month(item["symbol"], "2024-02")
        hour = bars["ts"].between("2024-02-14T15:00Z", "2024-02-14T15:59Z")
        lake.write_clean(item["symbol"], "2024-02", bars[~hour])
    [hole] = [hole for hole in find_shared_gaps(s, items)["2024-02"]["holes"] if hole["minutes"] >= 60]
    assert hole["exchange"] == "XNYS"
    assert hole["from"] <= "2024-02-14T15:00:00+00:00"
    assert "no bar of any symbol for" in caplog.text
    assert hole in lake.quality.read_shared_gaps("2024-02")["holes"]
    assert quality_reports(s)["symbols"]["AAPL"]["2024-02"]["label_convention"] == "start"
    assert hole in quality_reports(s)["together"]["2024-02"]["holes"]


def a_file(path: Path, days: list[str], labels: str = "end") -> Path:
    """Write a file in Alpha Vantage's CSV layout, newest first, one minute missing a day."""
    numbers = [int(np.searchsorted(XNYS.dates, np.datetime64(day))) for day in days]
    ts = np.concatenate([np.arange(XNYS.opens[n], XNYS.closes[n], 60) for n in numbers])
    ts = ts[XNYS.minute(ts) != 100]
    stamps = pd.to_datetime(ts + 60 * (labels == "end"), unit="s", utc=True).tz_convert(XNYS.zone)
    rows = [f"{stamp:%Y-%m-%d %H:%M:%S},10,10.01,9.99,10.01,{200 + i % 7}" for i, stamp in enumerate(stamps)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *reversed(rows)]))
    return path


@pytest.fixture
def csv_settings(s3: Settings, tmp_path) -> Settings:
    path = a_file(tmp_path / "abc_1min.csv", ["2023-08-30", "2023-08-31", "2023-09-01"])
    return emptied(s3, source="csv", csv_path=path, symbols=("ABC",))


def test_a_file_is_stored_once_and_cleaned_by_month(csv_settings):
    [report] = ingest(csv_settings)
    ingest(csv_settings)
    lake = Lake.connect(csv_settings)
    [key] = lake.raw_keys("ABC", "all")
    assert lake.get_raw(key).body == csv_settings.csv_path.read_bytes()
    assert lake.clean_months("ABC") == ["2023-08", "2023-09"]
    bars = validate(lake.read_clean())
    assert len(bars) == 3 * 390
    assert bars["filled"].sum() == 3
    assert report["months"]["2023-09"]["sessions"] == {"2023-09-01": {"received": 389, "filled": 1, "minutes": 390}}
    assert report["months"]["2023-09"]["label_convention"] == "end"


def test_another_file_takes_the_place_of_the_first_and_the_first_can_come_back(csv_settings, tmp_path):
    ingest(csv_settings)
    before = Lake.connect(csv_settings).read_clean()
    other = a_file(tmp_path / "other.csv", ["2023-09-05"], labels="start")
    ingest(csv_settings.model_copy(update={"csv_path": other}))
    assert Lake.connect(csv_settings).clean_months("ABC") == ["2023-09"]
    ingest(csv_settings)
    pd.testing.assert_frame_equal(Lake.connect(csv_settings).read_clean(), before)


def rewritten(path: Path, *changes: tuple[str, str]) -> Path:
    """Return another file like this one, with texts replaced."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    other = path.with_name(f"other_{path.name}")
    other.write_text(text)
    return other


def test_refused_rows_are_kept_with_their_reason_beside_the_report(csv_settings):
    row = "2023-09-01 10:00:00,10,10.01,9.99,10.01,"
    path = rewritten(csv_settings.csv_path, (row, f"{row}1\n{row}"))
    [found] = ingest(csv_settings.model_copy(update={"csv_path": path}))
    report = found["months"]["2023-09"]
    assert report["refused"] == {"another row for the same minute": 1}
    kept = pd.read_csv(io.BytesIO(Lake.connect(csv_settings).objects.get(report["refused_rows"])))
    assert kept[["label", "volume", "reason"]].values.tolist() == [
        ["2023-09-01 10:00:00", 1.0, "another row for the same minute"]
    ]
    assert report["raw"].rpartition("/")[2] in report["refused_rows"]


def with_a_bad_month(s: Settings) -> Path:
    """Return a copy of the file with a minute twice and an hour missing in September."""
    row = "2023-09-01 10:00:00,10,10.01,9.99,10.01,"
    path = rewritten(s.csv_path, (row, f"{row}1\n{row}"))
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "2023-09-01 11:" not in line))
    return path


LIMITS = pytest.mark.parametrize("limits", [{"minimum_coverage": 0.999}, {"maximum_refused": 0.0}])


@LIMITS
def test_months_of_a_file_none_of_which_passes_fail_loudly_and_nothing_reaches_clean(csv_settings, limits, tmp_path):
    ingest(csv_settings)
    before = {key: body for key, body in everything(csv_settings).items() if not key.startswith("raw/")}
    bad = with_a_bad_month(csv_settings)
    bad.write_text("".join(line for line in bad.read_text().splitlines(True) if not line.startswith("2023-08")))
    with pytest.raises(
        errors.BadQuality, match=r"ABC 2023-09: .* Nothing was written to clean/; see quality/.*failed-"
    ):
        ingest(csv_settings.model_copy(update={"csv_path": bad, **limits}))
    after = {key: body for key, body in everything(csv_settings).items() if not key.startswith("raw/")}
    assert {key: after[key] for key in before} == before
    assert all("/failed-" in key or "/refused-" in key for key in after.keys() - before.keys())


@LIMITS
def test_a_month_of_a_file_that_does_not_pass_is_left_out_and_named(csv_settings, limits, caplog):
    ingest(csv_settings)
    bad = csv_settings.model_copy(update={"csv_path": with_a_bad_month(csv_settings), **limits})
    [found] = ingest(bad)
    assert list(found["months"]) == ["2023-08"]
    assert "ABC 2023-09 is left out: " in caplog.text
    assert Lake.connect(bad).clean_months("ABC") == ["2023-08"]
    assert list(inventory(bad, "ABC").absent) == ["2023-09"]


def test_a_day_missing_from_a_file_is_a_feed_gap_unless_it_is_known_as_closed(csv_settings, tmp_path):
    path = a_file(tmp_path / "gap.csv", ["2023-08-29", "2023-08-31"])
    missing = csv_settings.model_copy(update={"csv_path": path, "minimum_coverage": 0.5})
    [found] = ingest(missing)
    assert found["months"]["2023-08"]["feed_gaps"] == [{"from": "2023-08-30T13:30:00+00:00", "minutes": 390}]
    [found] = ingest(missing.model_copy(update={"closures": ("XNYS:2023-08-30",)}))
    assert found["months"]["2023-08"]["feed_gaps"] == []
    assert found["months"]["2023-08"]["closed_minutes"] == {"2023-08-30": 390}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("timestamp,open,high,low,close,volume\n", "holds a header and no bars"),
        ("a,b\n1,2\n", "line 1: the header is 'a,b'"),
        ("timestamp,open,high,low,close,volume\n2023-09-01 09:31:00,10,11,9,x,5\n", "line 2, column close: 'x'"),
        ("timestamp,open,high,low,close,volume\n2023-09-01 09:31:00,10,9,9,9,5\n", "line 2, column open: 10"),
        (f"{HEADER}2023-09-01 09:31:00,10,1e308,9,10,5\n", r"line 2, column high: 1e\+308"),
        (f"{HEADER}2023-09-01 09:31:00,10,nan,9,10,5\n", "line 2, column high: nan"),
        (f"{HEADER}2023-03-12 02:30:00,10,11,9,10,5\n", "column label: 2023-03-12 02:30:00 is at a change of clocks"),
        (f"{HEADER}2023-11-05 01:30:00,10,11,9,10,5\n", "column label: 2023-11-05 01:30:00 is at a change of clocks"),
        (f"{HEADER}2034-01-03 10:00:00,10,11,9,10,5\n", "column label: 2034-01-03 10:00:00 was still to come"),
        (gzip.compress(f"{HEADER}2023-09-01 09:31:00,10,11,9,10,5\n".encode(), mtime=0)[:-9], "is cut short"),
        ("<!doctype html><html>Sign in</html>", "line 1: the header is '<!doctype html>"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_is_refused_and_clean_bars_stay_as_they_were(csv_settings, tmp_path, text, says):
    ingest(csv_settings)
    before = {key: body for key, body in everything(csv_settings).items() if not key.startswith("raw/")}
    bad = tmp_path / "bad.csv"
    if text is not None:
        bad.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(errors.BadFile, match=f"bad.csv.*{says}"):
        ingest(csv_settings.model_copy(update={"csv_path": bad}))
    after = {key: body for key, body in everything(csv_settings).items() if not key.startswith("raw/")}
    assert after == before
