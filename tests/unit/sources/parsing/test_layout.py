"""What sources send is read strictly, and a refusal says where."""

import gzip

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_ml.domain.bars import Bar, broken
from stock_ml.domain.calendar import sessions
from stock_ml.domain.months import edges_of
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response, bars_of, parse, read
from stock_ml.sources.parsing.layout import row_months
from stock_ml.sources.parsing.rows import clip_rounding
from tests.walks import NYSE

HEADER = "timestamp,open,high,low,close,volume"
ROW = "2024-03-01 09:30:00,10.0,11.0,9.5,10.5,1200"
OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York
GOOD = ("10", "11", "9", "10", "5")


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def as_json(**minutes: dict[str, str]) -> bytes:
    return orjson.dumps({"Meta Data": {}, "Time Series (1min)": minutes})


def fields(*values: str) -> dict[str, str]:
    names = ["1. open", "2. high", "3. low", "4. close", "5. volume"]
    return dict(zip(names, values, strict=True))


def test_both_csv_headers_and_json_give_the_same_rows():
    other = csv(ROW, header="date,1. open,2. high,3. low,4. close,5. volume")
    body = as_json(**{"2024-03-01 09:30:00": fields("10.0", "11.0", "9.5", "10.5", "1200")})
    first = parse(csv(ROW), "a.csv")
    assert first["label"].tolist() == [pd.Timestamp("2024-03-01 09:30")]
    assert first[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [[10.0, 11.0, 9.5, 10.5, 1200.0]]
    pd.testing.assert_frame_equal(parse(other, "b.csv"), first)
    pd.testing.assert_frame_equal(parse(body, "c"), first)


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_not_matter():
    body = b"\xef\xbb\xbf" + csv(ROW, "", "").replace(b"\n", b"\r\n")
    assert len(parse(body, "a.csv")) == 1


def test_a_packed_file_is_read_like_a_plain_one():
    pd.testing.assert_frame_equal(parse(gzip.compress(csv(ROW), mtime=0), "a.csv.gz"), parse(csv(ROW), "a.csv"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "a.csv is empty"),
        (b"\n\n", "a.csv is empty"),
        (csv(), "a.csv holds a header and no bars"),
        (csv("1,2", header="date,price"), "a.csv, line 1: the header is 'date,price'"),
        (csv(ROW, "2024-03-01 09:31:00,10,11,9"), "a.csv, line 3, column close: a row has 6 values, this one has 4"),
        (csv(ROW, ROW + ",7"), "a.csv, line 3, column volume: a row has 6 values, this one has 7"),
        (csv(ROW, "2024-03-01 09:31:00,10,eleven,9,10,1"), "a.csv, line 3, column high: 'eleven' is no number"),
        (csv("2024-03-01 09:31:00,1_0,11,9,10,1"), "a.csv, line 2, column open: '1_0' is no number"),
        (csv("2024-03-01 09:31:30,10,11,9,10,1"), "a.csv, line 2, column label: '2024-03-01 09:31:30' is no minute"),
        (csv("2024-03-01,10,11,9,10,1"), "a.csv, line 2, column label"),
        (
            csv("1999-12-31 09:31:00,10,11,9,10,1"),
            "a.csv, line 2, column label: 1999-12-31 09:31:00 is not of the years",
        ),
        (csv(ROW, "9999-01-04 09:31:00,10,11,9,10,1"), "a.csv, line 3, column label: 9999-01-04 09:31:00 is not of"),
        (csv(ROW, "2039-01-04 09:31:00,10,11,9,10,1"), "a.csv, line 3, column label: 2039-01-04 09:31:00 is not of"),
        (csv("2024-03-01 09:31+05,10,11,9,10,1"), "a.csv, line 2, column label"),
        (csv(ROW, "2024-03-01 09:31:00,10,9.9,9,10,1"), "a.csv, line 3, column open: "),
        (csv(ROW, "", "2024-03-01 09:31:00,10,11,9,nan,1"), "a.csv, line 4, column close: nan"),
        (csv(ROW, "2024-03-01 09:31:00,10,,9,10,1"), "a.csv, line 3, column high: nan"),
        (csv("2024-03-01 09:30:00,10,11,9,10,"), "a.csv holds no bars: none of its 1 rows has both prices and a vol"),
        (csv("2024-03-01 09:31:00,10,11,9,10,-1"), "a.csv, line 2, column volume: -1"),
        (csv("2024-03-01 09:31:00,10,11,9,10,1e308"), r"a.csv, line 2, column volume: 1e\+308"),
        (csv("2024-03-01 09:31:00,10,1e308,9,10,1"), r"a.csv, line 2, column high: 1e\+308"),
        (csv("2024-03-01 09:31:00,inf,inf,9,10,1"), "a.csv, line 2, column open: inf"),
        (csv("2024-03-01 09:31:00,10,11,-9,10,1"), "a.csv, line 2, column low: -9"),
        (csv("2024-03-01 09:31:00,10,11,0,10,1"), "a.csv, line 2, column low: 0"),
        (csv("2024-03-01 09:31:00,10,9,11,10,1"), "a.csv, line 2, column open: 10"),
        (b"<!doctype html><html></html>", "a.csv, line 1: the header is '<!doctype html><html></html>'"),
        (b"\xff\xfe\x00", "a.csv, byte 0 is not UTF-8"),
        (csv('"2024'), "a.csv, line 2"),
        (b'{"Meta Data": {}}', "a.csv is JSON and has no 'Time Series \\(1min\\)'"),
        (b"{ not json", "a.csv begins like JSON and is none: "),
        (b"[1", "a.csv begins like JSON and is none: "),
        (gzip.compress(csv(ROW), mtime=0)[:-9], "a.csv is cut short: its gzip has no end"),
        (gzip.compress(csv(ROW), mtime=0)[:5], "a.csv is cut short: its gzip has no end"),
        (gzip.compress(csv(ROW), mtime=0)[:-8] + b"12345678", "a.csv is no whole gzip file: CRC check failed"),
        (gzip.compress(b"", mtime=0), "a.csv is empty"),
        (as_json(), "a.csv holds no bars"),
        (as_json(**{"2024-03-01 09:30:00": {"1. open": "1"}}), "a.csv, 2024-03-01 09:30:00: a bar has the fields"),
        (as_json(**{"noon": fields("1", "1", "1", "1", "1")}), "a.csv, noon, column label"),
    ],
)
def test_what_is_not_in_the_layout_is_refused_naming_file_line_and_column(body, says):
    with pytest.raises(BadFile, match=says):
        parse(body, "a.csv")


def test_a_vendors_broken_row_is_marked_not_fatal():
    good, bad = fields("10", "11", "9", "10", "5"), fields("10", "9.5", "9", "9.2", "5")
    rows = parse(as_json(**{"2024-03-01 09:31:00": good, "2024-03-01 09:30:00": bad}), "an answer")
    assert rows["broken"].tolist() == ["", "open"]


@pytest.mark.parametrize(
    "empty", ["0,0,0,0,0", "0.0,0.0,0.0,0.0,", ",,,,", ",,,,0", "null,null,null,null,0", "1,1,1,1,"]
)
def test_a_row_without_prices_or_without_a_volume_is_a_minute_without_a_trade(empty):
    rows = parse(csv(ROW, f"2024-03-01 09:31:00,{empty}"), "a.csv")
    assert rows["broken"].tolist() == ["", "no trade"]
    nulls = [None if value in ("", "null") else value for value in empty.split(",")]
    answer = as_json(**{"2024-03-01 09:30:00": fields(*GOOD), "2024-03-01 09:31:00": fields(*nulls)})
    assert parse(answer, "an answer")["broken"].tolist() == ["", "no trade"]


@pytest.mark.parametrize("row", ["10,11,9,0,5", "0,0,0,0,5", "10,11,9,,0", "0,11,9,10,0"])
def test_prices_that_lack_one_or_a_volume_without_prices_are_refused(row):
    with pytest.raises(BadFile, match="line 3, column"):
        parse(csv(ROW, f"2024-03-01 09:31:00,{row}"), "a.csv")


@pytest.mark.parametrize(
    ("row", "high", "low"),
    [
        ("10.00,10.00,9.99,10.004,5", 10.004, 9.99),  # high and low in cents, the others finer
        ("10.00,10.00,9.99,10.005,5", 10.005, 9.99),
        ("9.986,10.00,9.99,10.00,5", 10.0, 9.986),
        ("512.03,512.3,512.0,512.3004,5", 512.3004, 512.0),
        ("392.5812345,392.5812344,392.1,392.2,5", 392.5812345, 392.1),
        ("100000.05,100000.0,99999.0,100000.0,5", 100000.05, 99999.0),  # a millionth of the price
    ],
)
def test_a_high_below_the_close_by_a_rounding_is_raised_to_it(row, high, low):
    rows = parse(csv(ROW, f"2024-03-01 09:31:00,{row}"), "a.csv")
    assert rows["broken"].tolist() == ["", ""]
    assert rows["clipped"].tolist() == [False, True]
    assert rows[["high", "low"]].iloc[1].tolist() == [high, low]


@pytest.mark.parametrize(
    "row", ["10.00,10.00,9.99,10.0051,5", "10,10,9,10.01,5", "10.1234,10.1234,9,10.1235,5", "10,10.5,10.2,10.5,5"]
)
def test_a_larger_break_is_no_rounding(row):
    with pytest.raises(BadFile, match=r"line 3, column (open|close)"):
        parse(csv(ROW, f"2024-03-01 09:31:00,{row}"), "a.csv")


@given(st.lists(st.tuples(*[st.integers(100, 99_999)] * 4), min_size=1, max_size=20), st.integers(-20, 20))
def test_clipping_moves_high_and_low_by_at_most_half_a_tick_and_nothing_else(cents, fine):
    prices = np.array(cents, dtype=float) / 100
    prices[:, 3] += fine / 1000
    values = np.column_stack([prices, np.ones(len(prices))])
    given = values.copy()
    found, clipped = clip_rounding(values)
    assert np.array_equal(values, given)
    assert np.array_equal(found[:, [0, 3, 4]], values[:, [0, 3, 4]])
    assert np.array_equal(found[~clipped], values[~clipped])
    assert (np.abs(found - values) <= 0.0051).all()
    assert (broken(found[clipped]) == "").all()
    assert (broken(values[clipped]) != "").all()


def test_a_stamp_off_the_minute_costs_its_row_and_is_named_where_rows_are_read_strictly():
    off = "2024-03-01 09:31:30,10,11,9,10,1"
    labels = ("2024-03-01 09:30:00", "2024-03-01 09:31:30")
    as_csv = parse(csv(ROW, off), "an answer", of_file=False)
    pd.testing.assert_frame_equal(
        parse(as_json(**{at: fields(*GOOD) for at in labels}), "b")[["broken"]], as_csv[["broken"]]
    )
    assert as_csv["broken"].tolist() == ["", "stamp"]
    received = Response("csv", "A", "all", {"file": "a.csv"}, OPEN + 600, csv(ROW, off), "text/csv")
    assert read(received)["broken"].tolist() == ["", "stamp"]
    with pytest.raises(BadFile, match=r"a.csv, line 3, column label: '2024-03-01 09:31:30' is no minute"):
        parse(received.body, "a.csv")
    received = Response("alpha_vantage", "A", "2024-03", {}, OPEN + 600, csv(ROW, off), "text/csv")
    assert [bar.ts for bar in bars_of(received, "start", NYSE)] == [OPEN]


def test_a_vendors_broken_row_in_csv_is_marked_as_in_json():
    rows = parse(csv(ROW, "2024-03-01 09:31:00,10,9.5,9,9.2,5"), "an answer", of_file=False)
    assert rows["broken"].tolist() == ["", "open"]


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32) | st.sampled_from([0.0, 1.0, 2.0, 1e9, 1e15, 1e308])


@settings(deadline=None)
@given(st.lists(st.tuples(*[NUMBERS] * 5), min_size=1, max_size=8))
def test_a_row_is_broken_exactly_where_the_record_says(rows):
    for row, found in zip(rows, broken(np.array(rows, dtype=np.float64)), strict=True):
        o, h, low, c, v = row
        whole = all(0 < x <= 1e9 for x in (o, h, low, c)) and low <= min(o, c) and max(o, c) <= h
        assert (found == "") == (whole and 0 <= v <= 1e15)


@pytest.mark.parametrize(("day", "refused"), [("2024-03-01", False), ("2024-03-02", True), ("2033-01-03", True)])
def test_a_stamp_of_the_future_is_refused_and_the_minute_that_forms_is_not(day, refused):
    at = pd.Timestamp("2024-03-01 09:31:20", tz="America/New_York").timestamp()
    body = csv(ROW, f"{day} 09:31:00,10,11,9,10,1")
    received = Response("csv", "A", "all", {"file": "a.csv"}, at, body, "text/csv")
    if not refused:
        assert len(read(received)) == 2
        return
    with pytest.raises(BadFile, match=f"a.csv, column label: {day} 09:31:00 was still to come when it was received"):
        read(received)


def response(minutes: dict[str, tuple[str, ...]], at: float) -> Response:
    body = as_json(**{f"2024-03-01 {minute}:00": fields(*values) for minute, values in minutes.items()})
    return Response("sandbox", "AAPL", None, {}, at, body, "application/json")


def test_the_bar_still_forming_comes_only_when_its_minute_is_over():
    rows = {"09:31": GOOD, "09:30": GOOD, "09:29": GOOD}
    assert [bar.ts for bar in bars_of(response(rows, OPEN + 119.9), "start", NYSE)] == [OPEN]
    assert [bar.ts for bar in bars_of(response(rows, OPEN + 120), "start", NYSE)] == [OPEN, OPEN + 60]


def test_the_same_response_read_as_bar_ends_is_a_minute_earlier():
    found = bars_of(response({"09:31": GOOD, "09:30": GOOD}, OPEN + 600), "end", NYSE)
    assert found == [Bar("AAPL", OPEN, 10.0, 11.0, 9.0, 10.0, 5.0, "sandbox")]


def test_a_minute_without_a_trade_is_no_live_bar_and_a_rounding_is_clipped_as_in_the_batch():
    rows = {"09:32": ("10", "10", "9", "10.004", "5"), "09:31": (None, None, None, None, "0"), "09:30": GOOD}
    found = bars_of(response(rows, OPEN + 600), "start", NYSE)
    assert [(bar.ts, bar.high) for bar in found] == [(OPEN, 11.0), (OPEN + 120, 10.004)]


def test_a_live_bar_that_is_broken_is_left_out():
    rows = {"09:31": ("10", "9", "9", "10", "5"), "09:30": GOOD}
    assert [bar.ts for bar in bars_of(response(rows, OPEN + 600), "start", NYSE)] == [OPEN]


@pytest.mark.parametrize("exchange", ["CMES", "us_futures", "IEPA", "XNYS", "XASX", "XHKG", "24/7"])
def test_a_month_of_rows_holds_whole_sessions(exchange):
    calendar = sessions(exchange)
    first, last = (np.searchsorted(calendar.dates, np.datetime64(day)) for day in ("2024-02-20", "2024-04-10"))
    spans = zip(calendar.opens[first:last], calendar.closes[first:last], strict=True)
    ts = np.unique(np.concatenate([np.arange(*span, 60) for span in spans]))
    local = pd.DatetimeIndex(ts.astype("datetime64[s]"), tz="UTC").tz_convert(calendar.zone).tz_localize(None)
    opens, ends = edges_of("2024-03", calendar)
    expected = ts[(ts >= opens) & (ts < ends)].tolist()
    for rows in (pd.DataFrame({"label": local}), pd.DataFrame({"label": local, "ts": ts})):
        assert ts[row_months(rows, calendar) == np.datetime64("2024-03")].tolist() == expected
