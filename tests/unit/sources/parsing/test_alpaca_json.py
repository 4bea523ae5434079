"""Alpaca's pages are read strictly: bars stamped in UTC, all pages of one symbol."""

import json

import numpy as np
import pytest

from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response, bars_of, parse
from tests.yahoo import XNYS

OPEN = int(XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-13"))])
BAR = {"t": "2024-03-13T13:30:00Z", "o": 10, "h": 10.5, "l": 9.5, "c": 10.25, "v": 700, "n": 9, "vw": 10.1}


def body(*pages: object) -> bytes:
    return json.dumps(pages).encode()


def page(*bars: object, symbol: str = "GOOGL") -> dict[str, object]:
    return {"bars": {symbol: list(bars)} if bars else {}, "next_page_token": None}


def test_all_pages_are_read_and_an_empty_one_is_none() -> None:
    later = BAR | {"t": "2024-03-13T13:31:00Z", "c": 10.3}
    rows = parse(body(page(BAR), page(), {"bars": None}, page(later)), "an answer")
    assert rows["ts"].tolist() == [OPEN, OPEN + 60]
    assert rows["close"].tolist() == [10.25, 10.3]
    assert rows["broken"].tolist() == ["", ""]


def test_a_page_alone_is_read_too() -> None:
    rows = parse(json.dumps(page(BAR | {"t": "2024-03-13T09:30:00-04:00"})).encode(), "an answer")
    assert rows["ts"].tolist() == [OPEN]


def test_rows_that_are_no_bars_are_refused_one_by_one() -> None:
    bad = [{"v": None}, {"h": 9}, {"o": None, "h": None, "l": None, "c": None, "v": 0}, {"t": "2024-03-13T13:31:07Z"}]
    rows = parse(body(page(BAR, *({**BAR, **each} for each in bad))), "an answer")
    assert rows["broken"].tolist() == ["", "no trade", "open", "no trade", "stamp"]


def test_bars_outside_of_the_session_are_left_out() -> None:
    before = BAR | {"t": "2024-03-13T13:29:00Z"}
    given = Response("alpaca", "GOOGL", None, {}, OPEN + 600.0, body(page(before, BAR)), "application/json")
    assert [bar.ts for bar in bars_of(given, "start", XNYS)] == [OPEN]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (body(page()), "an answer holds no bars"),
        (body({"bars": [BAR]}), "an answer, page 1: not Alpaca's layout"),
        (body(page(BAR), {"next_page_token": None}), "an answer, page 2: not Alpaca's layout.*'bars'"),
        (body(page(BAR), 3), "an answer, page 2: not Alpaca's layout"),
        (body({"bars": {"GOOGL": {"t": 1}}}), "its bars are no list of objects"),
        (body(page(3)), "its bars are no list of objects"),
        (body({"bars": {"GOOGL": [BAR], "AAPL": [BAR]}}), "holds bars of 2 symbols"),
        (body(page({"o": 1})), "t: None is no time like"),
        (body(page(BAR | {"t": "2024-03-13"})), "t: '2024-03-13' is no time like"),
        (body(page(BAR | {"t": "2024-03-13T13:30:00.5Z"})), "is no time like"),
        (body(page(BAR | {"t": 1710336600})), "t: 1710336600 is no time like"),
        (body(page(BAR | {"t": "1824-03-13T13:30:00Z"})), "is not of the years"),
        (body(page(BAR | {"c": "10"})), "close: '10' is no number"),
        (body(page(BAR | {"v": True})), "volume: True is no number"),
    ],
)
def test_another_layout_is_named(given: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        parse(given, "an answer")
