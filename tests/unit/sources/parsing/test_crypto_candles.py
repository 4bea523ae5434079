"""Candles of the three exchanges are read by their layouts, and what is none is refused."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import BadFile
from stock_ml.sources.parsing import Response, read
from stock_ml.sources.parsing.crypto_candles import rows_of, rows_of_answer
from tests.crypto import candles, invented, kline, ohlc

EXCHANGES = ("coinbase", "kraken", "binance")
START = 1_709_251_200
PRICE = st.floats(1e-8, 1e8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["1.5", "x"])
NAMES = st.sampled_from(["result", "data", "channel", "k", "last", "A"])
ROWS = st.lists(
    st.tuples(st.integers(0, 10_000).map(lambda n: START + 60 * n), st.lists(PRICE, min_size=5, max_size=5)), max_size=5
)


@pytest.mark.parametrize("exchange", EXCHANGES)
@given(rows=ROWS)
def test_rows_are_those_that_were_written(exchange: str, rows: list[tuple[int, list[float]]]) -> None:
    read_again = list(rows_of(b"[" + candles(exchange, rows) + b"]"))  # type: ignore[arg-type]  # a list of floats too
    assert sorted(read_again) == sorted((ts, *values) for ts, values in rows)


def test_answers_of_one_body_follow_each_other() -> None:
    parts = [candles("coinbase", invented(start, start + 240)) for start in (START, START + 240)]
    expected = [ts for ts, _ in invented(START, START + 480)]
    assert sorted(ts for ts, *_ in rows_of(b"[" + b",\n".join(parts) + b"]")) == expected


def test_messages_are_read_as_answers_are() -> None:
    values = [2.0, 3.0, 1.0, 2.5, 0.25]
    body = b"[" + ohlc([("BTC/USD", START, list(values))]) + b"," + kline("B", START, list(values), is_over=True) + b"]"
    assert list(rows_of(body)) == [(START, *values)] * 2


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(NAMES, inner, max_size=3)))
def test_whatever_an_answer_holds_it_is_rows_or_one_typed_error(answer: object) -> None:
    with suppress(BadFile):
        list(rows_of_answer(answer, "an answer"))


@pytest.mark.parametrize(
    "answers",
    [
        b"",
        b"{}",
        b"[{}]",
        b"[3]",
        b"[[3]]",
        b"[[[1,2,3]]]",
        b"[null]",
        b'[{"result":{}}]',
        b'[{"result":{"A":[],"B":[]}}]',
        b'[{"channel":"ohlc"}]',
        b'[{"data":{"k":{}}}]',
        ohlc([("A", START, [1.0] * 5)]).replace(b'0Z"', b'0"').join([b"[", b"]"]),
        orjson.dumps([[[1.5, *"oooooo"[:5], *"oooooo"]]]),
        orjson.dumps([{"result": {"A": [[START, "1", "1", "1", "x", "1", "1", 1]]}}]),
    ],
)
def test_what_is_no_answer_of_candles_is_refused(answers: bytes) -> None:
    with pytest.raises(BadFile):
        list(rows_of(answers))


@pytest.mark.parametrize(
    "candle", [["x", 1, 1, 1, 1, 1], [START, "1", 1, 1, 1, 1], "string", [START * 1000, 1, 1, 1, 1, 1]]
)
def test_a_value_that_is_none_is_refused_by_name_of_the_answer(candle: object) -> None:
    body = orjson.dumps([[candle]])
    response = Response("crypto", "BTC/USD", "2024-03", {}, float(START + 600), body, "application/json")
    with pytest.raises(BadFile, match="answer of crypto for BTC/USD 2024-03"):
        read(response)
