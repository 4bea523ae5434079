"""The live path sees finished bars of regular hours, ascending."""

import orjson

from stock_ml.domain.bars import Bar
from stock_ml.sources.parsing import Response, bars_of
from tests.walks import NYSE

OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York


def answer(minutes: dict[str, list[str]], at: float) -> Response:
    names = ["1. open", "2. high", "3. low", "4. close", "5. volume"]
    series = {f"2024-03-01 {m}:00": dict(zip(names, v, strict=True)) for m, v in minutes.items()}
    body = orjson.dumps({"Meta Data": {}, "Time Series (1min)": series})
    return Response("sandbox", "AAPL", None, {}, at, body, "application/json")


GOOD = ["10", "11", "9", "10", "5"]


def test_the_bar_still_forming_comes_only_when_its_minute_is_over():
    rows = {"09:31": GOOD, "09:30": GOOD, "09:29": GOOD}
    assert [bar.ts for bar in bars_of(answer(rows, OPEN + 119.9), "start", NYSE)] == [OPEN]
    assert [bar.ts for bar in bars_of(answer(rows, OPEN + 120), "start", NYSE)] == [OPEN, OPEN + 60]


def test_the_same_answer_read_as_bar_ends_is_a_minute_earlier():
    found = bars_of(answer({"09:31": GOOD, "09:30": GOOD}, OPEN + 600), "end", NYSE)
    assert found == [Bar("AAPL", OPEN, 10.0, 11.0, 9.0, 10.0, 5.0, "sandbox")]


def test_a_broken_row_is_left_out():
    rows = {"09:31": ["10", "9", "9", "10", "5"], "09:30": GOOD}
    assert [bar.ts for bar in bars_of(answer(rows, OPEN + 600), "start", NYSE)] == [OPEN]
