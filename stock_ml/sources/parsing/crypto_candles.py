"""Candles of exchanges of coins: a JSON array of answers and messages, each in its exchange's own layout."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson

from stock_ml.errors import BadFile
from stock_ml.source_plugins import Row

COINBASE, KRAKEN, BINANCE = 6, 8, 12  # values of a candle; Kraken's are in an object, so the three differ
MILLISECONDS = 1000
Candle = list[Any]


def rows_of(body: bytes) -> Iterator[Row]:
    """Yield the rows of all answers in a body, as stamped: UTC epoch seconds. Raises BadFile."""
    try:
        answers = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadFile(f"an answer of candles is no JSON: {error}") from None
    if not isinstance(answers, list):
        raise BadFile(f"an answer of candles is a JSON {type(answers).__name__}, no array of answers")
    for number, answer in enumerate(answers, 1):
        yield from rows_of_answer(answer, f"answer {number}")


def rows_of_answer(answer: Any, where: str) -> Iterator[Row]:
    """Yield the rows of an answer, none where it holds no candles. Raises BadFile where it is in no layout known."""
    try:
        yield from map(_row, _candles(answer))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"{type(error).__name__}: {error!s:.80}"
        raise BadFile(f"{where}: no candles of Coinbase, Kraken or Binance as they were known ({said})") from None


def _candles(answer: Any) -> list[Candle]:
    """Return candles as lists of a width that tells the exchange."""
    if isinstance(answer, list):
        return answer
    if "k" in answer.get("data", ()):
        return [_of_binance(answer["data"]["k"])]
    if answer.get("channel") == "ohlc":
        return [_of_kraken(candle) for candle in answer["data"]]
    [candles] = [value for name, value in answer["result"].items() if name != "last"]
    return list(candles)


def _row(candle: Candle) -> Row:
    return _ROWS[len(candle)](candle)


def _coinbase(candle: Candle) -> Row:
    ts, low, high, opened, close, volume = candle
    return ts, opened, high, low, close, volume


def _kraken(candle: Candle) -> Row:
    ts, opened, high, low, close, _, volume, _ = candle
    return ts, *map(_number, (opened, high, low, close, volume))


def _binance(candle: Candle) -> Row:
    ts, opened, high, low, close, volume = candle[:6]
    if ts % MILLISECONDS:
        raise ValueError(f"the stamp {ts} is of no second")
    return ts // MILLISECONDS, *map(_number, (opened, high, low, close, volume))


def _of_binance(kline: dict[str, Any]) -> Candle:
    return [kline["t"], *(kline[name] for name in "ohlcv"), *[None] * 6]


def _of_kraken(candle: dict[str, Any]) -> Candle:
    begins = datetime.fromisoformat(candle["interval_begin"])
    if begins.tzinfo is None:
        raise ValueError(f"the stamp {begins} names no zone")
    names = ("open", "high", "low", "close", "vwap", "volume", "trades")
    return [int(begins.timestamp()), *(candle[name] for name in names)]


def _number(value: Any) -> float | None:
    return value if value is None else float(value)


_ROWS: dict[int, Callable[[Candle], Row]] = {COINBASE: _coinbase, KRAKEN: _kraken, BINANCE: _binance}
