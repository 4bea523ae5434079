"""Yahoo's charts are read strictly: bars stamped in UTC, nothing where nobody traded, no price of the very moment."""

import numpy as np
import orjson
import pytest

from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response, bars_of, detect_convention, live_rows, parse, place
from tests.yahoo import XNYS, chart

OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York
ROW = [10.0, 11.0, 9.5, 10.5, 1200]
NULLS = [None] * 5


def body(ts, rows, **meta) -> bytes:
    return orjson.dumps(chart(ts, rows, **meta))


def test_a_bar_is_stamped_with_its_open_in_utc_and_labelled_in_the_exchanges_zone():
    rows = parse(body([OPEN, OPEN + 60], [ROW, ROW]), "an answer")
    assert rows["ts"].tolist() == [OPEN, OPEN + 60]
    assert rows["label"].astype(str).tolist() == ["2024-03-01 09:30:00", "2024-03-01 09:31:00"]
    assert rows.iloc[0][["open", "high", "low", "close", "volume"]].tolist() == ROW
    assert detect_convention(rows, XNYS) == "start"
    assert place(rows, "end", XNYS)["ts"].tolist() == [OPEN, OPEN + 60]


def test_windows_in_one_array_follow_each_other_and_an_empty_one_adds_nothing():
    windows = [body([OPEN], [ROW]), body([], []), body([OPEN + 86_400 * 3], [ROW])]
    rows = parse(b"[" + b",\n".join(windows) + b"]", "an answer")
    assert rows["ts"].tolist() == [OPEN, OPEN + 86_400 * 3]


def test_a_minute_of_nulls_had_no_trade_and_one_of_some_nulls_is_broken():
    given = [ROW, NULLS, [10, 11, 9, None, 5], [None] * 4 + [0], [0] * 5, [10, 11, 9, 10, None]]
    rows = parse(body([OPEN + 60 * minute for minute in range(6)], given), "an answer")
    assert rows["broken"].tolist() == ["", "no trade", "close", "no trade", "no trade", "no trade"]


def test_a_stamp_off_the_minute_costs_its_row_and_not_the_window():
    rows = parse(body([OPEN + 5, OPEN + 60, OPEN + 120], [ROW, ROW, ROW]), "an answer")
    assert rows["broken"].tolist() == ["stamp", "", ""]
    received = Response("yahoo", "GOOGL", None, {}, OPEN + 600.0, body([OPEN + 5, OPEN + 60], [ROW, ROW]), "")
    assert [bar.ts for bar in bars_of(received, "start", XNYS)] == [OPEN + 60]


@pytest.mark.parametrize("moment", [OPEN + 77, OPEN + 60])
def test_the_price_of_this_moment_that_comes_last_is_no_bar(moment):
    rows = parse(body([OPEN, moment], [ROW, [10, 10, 10, 10, 0]], regularMarketTime=moment), "an answer")
    assert rows["ts"].tolist() == [OPEN]


def test_the_auctions_price_exactly_at_the_close_is_the_official_close_and_no_live_bar():
    close = OPEN + 390 * 60
    ts = [*range(close - 40 * 60, close, 60), close]
    regular = {"regular": {"start": OPEN, "end": close}}
    values = [*[ROW] * 40, [10.4, 10.4, 10.4, 10.4, 0]]
    given = body(ts, values, regularMarketTime=close, currentTradingPeriod=regular)
    assert parse(given, "an answer")["ts"].tolist() == ts
    found = live_rows(Response("yahoo", "GOOGL", None, {}, close + 600.0, given, ""), "start", XNYS)
    assert [bar.ts for bar in found.bars] == ts[:-1]
    assert found.official_closes == [OfficialClose("GOOGL", close, 10.4, 0.0, "yahoo")]
    forming = live_rows(Response("yahoo", "GOOGL", None, {}, close + 59.0, given, ""), "start", XNYS)
    assert (forming.bars, forming.official_closes) == (found.bars, [])


def test_an_index_has_no_volume_and_keeps_its_bars():
    flat = [10, 11, 9, 10, 0]
    found = parse(body([OPEN, OPEN + 60], [flat, flat], regularMarketTime=OPEN + 95), "an answer")
    assert found["ts"].tolist() == [OPEN, OPEN + 60]


def test_the_minute_still_forming_comes_when_it_is_over():
    received = Response("yahoo", "GOOGL", None, {}, OPEN + 119.0, body([OPEN, OPEN + 60], [ROW, ROW]), "")
    assert [bar.ts for bar in bars_of(received, "start", XNYS)] == [OPEN]


def test_the_first_candle_of_a_window_lacks_its_volume_and_is_no_bar():
    first = [*ROW[:4], 0]
    windows = [body([at, at + 60, at + 120], [first, first, ROW]) for at in (OPEN, OPEN + 86_400 * 3)]
    rows = parse(b"[" + b",".join(windows) + b"]", "an answer")
    assert rows["broken"].tolist() == ["unknown volume", "", ""] * 2


def without(*path: str) -> bytes:
    document = chart([OPEN], [ROW])
    inner = document["chart"]["result"][0]
    for name in path[:-1]:
        inner = inner[name][0] if name == "quote" else inner[name]
    del inner[path[-1]]
    return orjson.dumps(document)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b'{"chart": {}}', "an answer, window 1: not Yahoo's chart layout as it was known"),
        (b"[3]", "an answer, window 1: not Yahoo's chart layout"),
        (b"[]", "an answer holds no bars"),
        (b'{"chart": {"result": null, "error": {}}}', "not Yahoo's chart layout"),
        (body([], []), "an answer holds no bars"),
        (body([OPEN], [NULLS]), "an answer holds no bars"),
        (without("meta"), "not Yahoo's chart layout.*'meta'"),
        (without("meta", "exchangeTimezoneName"), "not Yahoo's chart layout.*'exchangeTimezoneName'"),
        (without("indicators", "quote", "low"), "not Yahoo's chart layout.*'low'"),
        (body([OPEN], [ROW], exchangeTimezoneName="No/Where"), "not Yahoo's chart layout.*No/Where"),
        (body([OPEN], [ROW], dataGranularity="1h"), "window 1: bars of '1h' came where 1m was asked for"),
        (body([OPEN], [ROW, ROW]), r"window 1: stamp, open, .* differ in length: \[1, 2, 2, 2, 2, 2\]"),
        (body([OPEN], [["10", 11, 9, 10, 5]]), "window 1, open: '10' is no number"),
        (body([OPEN], [[True, 11, 9, 10, 5]]), "window 1, open: True is no number"),
        (body([None], [ROW]), "window 1, timestamp: None is no number"),
        (body([OPEN + 0.5], [ROW]), "window 1, timestamp: 1709303400.5 is no number"),
        (body([2**62], [ROW]), "window 1: the stamp 4611686018427387904 is not of the years"),
        (body([2**63], [ROW]), "window 1: the stamp 9223372036854775808 is not of the years"),
        (body([-60], [ROW]), "window 1: the stamp -60 is not of the years"),
    ],
)
def test_what_is_not_in_the_layout_is_refused_naming_the_window(given, says):
    with pytest.raises(BadFile, match=says):
        parse(given, "an answer")


def test_another_exchanges_bars_are_refused():
    rows = parse(body([OPEN], [ROW], exchangeTimezoneName="Europe/London"), "an answer")
    with pytest.raises(BadFile, match=r"an answer: its times are in 'Europe/London', and XNYS trades in"):
        place(rows, "start", XNYS)


def test_a_night_of_a_clock_change_is_no_trouble_for_stamps_in_utc():
    sunday = int(np.datetime64("2024-11-03T05:30", "s").astype(int))
    ts = [sunday, sunday + 3600]
    assert place(parse(body(ts, [ROW, ROW]), "an answer"), "start", XNYS)["ts"].tolist() == ts
