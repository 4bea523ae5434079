"""When a pushed candle is final, and when a connection is silent: by clocks of the test."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import InvalidResponse, TimedOut
from stock_ml.sources.crypto_exchanges import EXCHANGES
from stock_ml.sources.crypto_stream import CandleStream, Clocks, candles_in
from stock_ml.sources.parsing.crypto_candles import rows_of
from tests.crypto import HEARTBEAT, kline, ohlc

NAMES = st.sampled_from(["t", "s", "x", "o", "h", "l", "c", "v", "symbol", "open", "interval_begin", "k"])
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["1.5", "x", "BTC/USD"])
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(NAMES, inner, max_size=9))
START = 1_709_251_200
ONE, TWO = [1.0, 2.0, 0.5, 1.5, 10.0], [1.0, 3.0, 0.5, 2.5, 11.0]


@dataclass
class Script:
    """Receive messages at times of a clock that moves by waiting alone."""

    messages: Iterator[tuple[float, bytes]]
    now: float = 0.0
    closed: bool = False
    _next: tuple[float, bytes] | None = field(default=None, init=False)

    def send(self, message: str) -> None:
        """Pass over it."""

    def recv(self, timeout: float, decode: Literal[False]) -> bytes:
        del decode
        self._next = self._next or next(self.messages, (1e9, b""))
        if self._next[0] > self.now + timeout:
            self.now += timeout
            raise TimeoutError
        (at, message), self._next = self._next, None
        self.now = max(self.now, at)
        return message

    def close(self) -> None:
        self.closed = True


def stream_of(exchange: str, *messages: tuple[float, bytes], behind: float = 0.0) -> CandleStream:
    script = Script(iter(messages))
    clocks = Clocks(lambda: START + script.now - behind, lambda: script.now)
    symbols = {"BTC/USD": "BTC/USD"} if exchange == "kraken" else {"BTCUSD": "BTC/USD"}
    return CandleStream(script, EXCHANGES[exchange], symbols, clocks)


def given_at(stream: CandleStream, seconds: float) -> list[tuple[float, list[tuple[object, ...]]]]:
    """Return when candles were given, and which."""
    script, found = stream.socket, []
    assert isinstance(script, Script)
    while script.now < seconds:
        found += [(script.now, list(rows_of(each.body))) for each in stream.receive(seconds - script.now)]
    return found  # type: ignore[return-value]


def update(ts: int, values: list[float]) -> bytes:
    return ohlc([("BTC/USD", ts, list(values))])


def test_a_forming_candle_is_given_two_seconds_after_its_minute_in_its_newest_form() -> None:
    heartbeats = [(float(at), HEARTBEAT) for at in range(60, 70)]
    stream = stream_of("kraken", (5.0, update(START, ONE)), (59.0, update(START, TWO)), *heartbeats)
    assert given_at(stream, 69.0) == [(62.0, [(START, *TWO)])]


def test_the_next_candle_says_that_one_is_over_at_once() -> None:
    messages = [(5.0, update(START, ONE)), (60.25, update(START + 60, TWO))]
    assert given_at(stream_of("kraken", *messages), 70.0) == [(60.25, [(START, *ONE)])]


def test_a_later_version_of_a_candle_that_was_given_is_given_too() -> None:
    messages = [(5.0, update(START, ONE)), (64.5, update(START, TWO))]
    assert [rows for _, rows in given_at(stream_of("kraken", *messages), 70.0)] == [[(START, *ONE)], [(START, *TWO)]]


def test_the_exchange_s_word_is_final_where_this_machine_s_clock_is_behind() -> None:
    stream = stream_of("binance", (60.1, kline("BTCUSD", START, list(ONE), is_over=True)), behind=5.0)
    [response] = stream.receive(70.0)
    assert response.fetched_at == START + 60


def test_a_candle_of_another_market_and_a_forming_one_of_binance_are_passed_over() -> None:
    over, forming = (kline(name, START, list(ONE), is_over=end) for name, end in (("ETHUSD", True), ("BTCUSD", False)))
    assert given_at(stream_of("binance", (1.0, over), (2.0, forming)), 80.0) == []


def test_a_candle_of_a_time_to_come_ends_the_connection() -> None:
    stream = stream_of("kraken", (1.0, update(START + 3600, ONE)))
    with pytest.raises(InvalidResponse, match="a time to come; see this machine's clock"):
        stream.receive(5.0)


@given(JSON)
def test_whatever_a_message_holds_it_is_candles_or_one_typed_error(value: object) -> None:
    for message in ({"data": value}, {"channel": "ohlc", "data": value}, {"data": {"k": value}}):
        with suppress(InvalidResponse):
            candles_in(message, b"{}", EXCHANGES["kraken"])


def test_a_silent_connection_ends() -> None:
    stream = stream_of("binance", (1.0, kline("BTCUSD", START, list(ONE), is_over=False)))
    with pytest.raises(TimedOut, match="open and silent for 90 s"):
        given_at(stream, 200.0)
    assert isinstance(stream.socket, Script)
    assert (stream.socket.closed, stream.socket.now) == (True, 91.0)


def test_heartbeats_alone_do_not_keep_a_connection_for_ever() -> None:
    stream = stream_of("kraken", *((float(at), HEARTBEAT) for at in range(1, 2000)))
    with pytest.raises(TimedOut, match="no candle of any symbol for 15 min"):
        given_at(stream, 2000.0)
    assert isinstance(stream.socket, Script)
    assert (stream.socket.closed, stream.socket.now) == (True, 900.0)
