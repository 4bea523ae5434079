"""Exchanges on loopback that trade by the wall's clock and invent their bars: one is polled, the others push too."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR
from typing import Any, Protocol

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from benchmarks._checker import Minute, Prices
from stock_ml.testing.hostile_cases import Rows
from stock_ml.testing.service import Showing, pushing, serving
from tests import alpaca, crypto
from tests.http import answering
from tests.services import YahooService

STEP = 60
KEPT = 4 * 3600  # seconds of history that an exchange shows


class Exchange(Protocol):
    """Serve bars. `sent` holds when each bar was put on an open connection, or shown where none pushes, UTC seconds."""

    name: str
    symbols: tuple[str, ...]
    settings: dict[str, object]
    sent: dict[Minute, float]

    @property
    def requests(self) -> int:
        """Return how many requests for bars came."""

    def end_minute(self, ts: int) -> None:
        """Let a minute end: its bars are shown from now on, and pushed."""

    def drop(self) -> None:
        """Break off every connection."""

    def refuse(self, refused: bool) -> None:
        """Refuse new connections, or accept them again."""


def values(symbol: str, ts: int) -> Prices | None:
    """Return open, high, low, close and volume of a minute; None in each seventeenth, in which nobody trades."""
    if ts // STEP % 17 == 0:
        return None
    base = 100.0 + sum(symbol.encode()) % 50 + ts // STEP % 200 / 100
    return (base, base + 0.5, base - 0.5, base + 0.25, 100.0 + ts // STEP % 900)


def served(exchange: Exchange, since: int, until: int) -> dict[Minute, Prices]:
    """Return every bar that an exchange had from a minute until another."""
    minutes = ((symbol, ts) for symbol in exchange.symbols for ts in range(since, until, STEP))
    return {minute: found for minute in minutes if (found := values(*minute))}


@dataclass
class Yahoo:
    """Show the charts of Yahoo, of one symbol each request."""

    showing: Showing
    name: str = "yahoo"
    symbols: tuple[str, ...] = ("AAPL", "MSFT", "GOOGL")
    settings: dict[str, object] = field(default_factory=dict)
    sent: dict[Minute, float] = field(default_factory=dict)
    requests: int = 0

    def end_minute(self, ts: int) -> None:
        """Show the minute."""
        for symbol in self.symbols:
            self.sent[symbol, ts] = time.time()

    def drop(self) -> None:
        """Do nothing: nothing is connected."""

    def refuse(self, refused: bool) -> None:
        """Do nothing: nothing connects."""


class _YahooByTheClock(YahooService):
    """Write the minutes that are over, and count the charts that are asked for."""

    exchange: Yahoo

    def answer(self, request: Any, rows: Any, zone: str) -> bytes:
        """Return a chart of its symbol."""
        if "/chart/" not in request.path:
            return super().answer(request, rows, zone)
        self.exchange.requests += 1
        symbol = request.path.rpartition("/")[2]
        shown = sorted(ts for name, ts in self.exchange.sent if name == symbol)
        until = shown[-1] + STEP if shown else int(time.time()) // STEP * STEP
        found: Rows = [(ts, list(row)) for ts in range(until - KEPT, until, STEP) if (row := values(symbol, ts))]
        return super().answer(request, found, "UTC")


@contextmanager
def yahoo() -> Iterator[Exchange]:
    """Serve Yahoo's charts until the block ends."""
    service = _YahooByTheClock()
    service.exchange = exchange = Yahoo(Showing(service))
    with serving(exchange.showing) as address:
        exchange.settings = {"yahoo_url": address}
        yield exchange


@dataclass
class Alpaca:
    """Speak Alpaca's protocols."""

    market: "_Market"
    name: str = "alpaca"
    symbols: tuple[str, ...] = ("AAPL", "MSFT", "GOOGL")
    settings: dict[str, object] = field(default_factory=dict)
    sent: dict[Minute, float] = field(default_factory=dict)
    open: list[ServerConnection] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Return how many requests came."""
        return len(self.market.asked)

    def end_minute(self, ts: int) -> None:
        """Show and push the minute, all symbols in one message."""
        self.market.now = time.time()
        rows = {symbol: found for symbol in (*self.symbols, "SPY") if (found := values(symbol, ts))}
        bars = [{"T": "b", "S": symbol, **alpaca.bar(ts, list(row))} for symbol, row in rows.items()]
        for connection in self._connections() if bars else ():
            self.sent |= {(symbol, ts): time.time() for symbol in rows}
            _send(connection, orjson.dumps(bars).decode())

    def drop(self) -> None:
        """Break off every connection."""
        _abort(self._connections())
        self.open.clear()

    def refuse(self, refused: bool) -> None:
        """Answer HTTP 503 to who connects, or accept."""
        self.market.status = 503 if refused else 0

    def _connections(self) -> list[ServerConnection]:
        while not self.market.connections.empty():
            self.open.append(self.market.connections.get())
        return self.open


class _Market(alpaca.Market):
    """Trade at all hours."""

    def rows(self, symbol: str, _: str, __: str, start: float, end: float) -> list[alpaca.Message]:
        """Return the bars that begin from `start` to `end` and are over."""
        first, last = -(-int(max(start, self.now - KEPT)) // STEP) * STEP, int(min(end, self.now - STEP))
        return [alpaca.bar(ts, list(row)) for ts in range(first, last + 1, STEP) if (row := values(symbol, ts))]


@contextmanager
def alpaca_exchange() -> Iterator[Exchange]:
    """Serve Alpaca's REST and websocket until the block ends."""
    market = _Market(time.time())
    with alpaca.alpaca(market) as settings:
        yield Alpaca(market, settings=dict(settings))


@dataclass
class Binance:
    """Speak Binance's protocols."""

    name: str = "crypto"
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")
    settings: dict[str, object] = field(default_factory=dict)
    sent: dict[Minute, float] = field(default_factory=dict)
    open: list[ServerConnection] = field(default_factory=list)
    requests: int = 0
    refused: bool = False

    def end_minute(self, ts: int) -> None:
        """Push the minute's last candle of each symbol."""
        for symbol in self.symbols:
            for connection in self.open if (row := values(symbol, ts)) else ():
                self.sent[symbol, ts] = time.time()
                _send(connection, crypto.kline(_market(symbol), ts, list(row or ()), is_over=True).decode())

    def drop(self) -> None:
        """Break off every connection."""
        _abort(self.open)
        self.open.clear()

    def refuse(self, refused: bool) -> None:
        """Break new connections off, or accept them."""
        self.refused = refused

    def talk(self, connection: ServerConnection) -> None:
        """Accept a subscription, and hold the connection until it ends."""
        if self.refused:
            return
        try:
            crypto.accepted("binance", connection)
            self.open.append(connection)
            for _ in connection:
                pass
        except ConnectionClosed:
            pass

    def answer(self, _: str, query: dict[str, str]) -> crypto.Answer:
        """Return candles that are over."""
        self.requests += 1
        start, end = crypto.span_of("binance", query)
        symbol = next(symbol for symbol in self.symbols if _market(symbol) == query["symbol"])
        last, now = int(query.get("limit", "500")), int(time.time())
        minutes = range(max(start, now - KEPT) // STEP * STEP, min(end + 1, now - STEP + 1), STEP)
        rows: Rows = [(ts, list(row)) for ts in minutes if ts >= start and (row := values(symbol, ts))]
        return 200, crypto.candles("binance", rows[:last])


@contextmanager
def binance() -> Iterator[Exchange]:
    """Serve Binance's REST and websocket until the block ends."""
    exchange = Binance()
    with answering(crypto.serving(exchange.answer)) as address, pushing(exchange.talk) as stream:
        exchange.settings = {"crypto_exchange": "binance", "crypto_url": address, "crypto_stream_url": stream}
        yield exchange


def _market(symbol: str) -> str:
    return symbol.replace("/", "")


def _send(connection: ServerConnection, message: str) -> None:
    with suppress(ConnectionClosed):  # it was broken off: what is missed is requested
        connection.send(message)


def _abort(connections: list[ServerConnection]) -> None:
    """Break connections off without a word, as a network does."""
    for connection in connections:
        with suppress(OSError):  # the other side was first
            connection.socket.shutdown(SHUT_RDWR)
