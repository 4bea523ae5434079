"""Live candles of an exchange of coins by its websocket: final ones alone, and one typed error where it ends.

`ccxt.pro` has these channels too. It runs in asyncio, keeps no message, and mends a lost connection without a word
(ccxt/ccxt#26945), so that nobody would request what was missed.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadFile, InvalidResponse, SourceError, TimedOut
from stock_ml.sources.crypto_exchanges import Exchange, exchange_of, refusal
from stock_ml.sources.http_body import TIMEOUT
from stock_ml.sources.parsing.crypto_candles import rows_of_answer
from stock_ml.sources.parsing.response import Response
from stock_ml.sources.websocket import Socket, open_websocket, receive, send

if TYPE_CHECKING:
    from stock_ml.config import Settings

Message = dict[str, Any]
GRACE = 2.0  # seconds after a minute until its last update has come
SILENCE = 90.0  # seconds without any message: Kraken sends a heartbeat each second, Binance candles each two
HOLE = 900.0  # seconds without a candle, heartbeats or not, after which the subscription is doubted
AHEAD = 300.0  # seconds that the exchange's clock may be before this machine's
LOOK = 1.0  # seconds between two looks at the clock


class Candle(NamedTuple):
    """Hold a message of one candle, its market and minute, and whether it is over, None where that is not said."""

    market: str
    ts: int
    is_over: bool | None
    message: bytes


class Clocks(NamedTuple):
    """Return UTC epoch seconds, and seconds that only grow."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass
class CandleStream:
    """Receive candles, and give each when its minute is over: where a candle still forms, the newest one is kept.

    `symbols` are those of the settings by the names that the channel gives their markets.
    """

    socket: Socket
    exchange: Exchange
    symbols: dict[str, str]
    clocks: Clocks = field(default_factory=Clocks)
    name: str = "crypto"
    _kept: dict[tuple[str, int], Candle] = field(default_factory=dict, init=False)
    _message_at: float = field(init=False)
    _candle_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._message_at = self._candle_at = self.clocks.steady()

    @classmethod
    def connect(cls, s: "Settings", symbols: Sequence[str]) -> "CandleStream":
        """Return a connection that has accepted all symbols. Raises the SourceError that says why it does not."""
        exchange = exchange_of(s)
        names = {channel_name(exchange, symbol): symbol for symbol in symbols}
        address = s.crypto_stream_url or exchange.stream_url
        said = f"{address} opens no websocket"
        stream = cls(open_websocket(address, lambda status: refusal(exchange, status, said)), exchange, names)
        try:
            stream.subscribe()
        except SourceError:
            stream.close()
            raise
        return stream

    def subscribe(self) -> None:
        """Subscribe, and wait until all markets are accepted; what comes meanwhile is kept."""
        markets, ends_at = list(self.symbols), self.clocks.steady() + TIMEOUT
        message, wanted = _subscription(self.exchange, markets)
        send(self.socket, message, self.exchange.title)
        while wanted:
            if self.clocks.steady() >= ends_at:
                raise TimedOut(f"{self.exchange.title} did not accept {', '.join(markets)} within {TIMEOUT:.0f} s")
            for answer in self._messages(LOOK):
                wanted -= _is_acceptance(self.exchange, answer)

    def receive(self, seconds: float) -> list[Response]:
        """Return the candles that are final, nothing where none became so within `seconds`.

        Raises the SourceError that ended the connection.
        """
        ends_at = self.clocks.steady() + seconds
        try:
            while not (found := self._final()) and (left := ends_at - self.clocks.steady()) > 0:
                self._messages(min(left, LOOK))
        except SourceError:
            self.close()
            raise
        return found

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def _messages(self, seconds: float) -> list[Message]:
        """Return the next message, nothing where none came, and keep its candles."""
        frame = receive(self.socket, seconds, self.exchange.title)
        if frame is None:
            self._check_silence()
            return []
        self._message_at = self.clocks.steady()
        message = _decoded(frame, self.exchange)
        self._keep(candles_in(message, frame, self.exchange))
        self._check_silence()
        return [message]

    def _keep(self, candles: Iterable[Candle]) -> None:
        for candle in candles:
            self._candle_at = self.clocks.steady()
            if candle.ts > self.clocks.wall() + AHEAD:
                said = f"a candle of {candle.ts} in epoch seconds, a time to come; see this machine's clock"
                raise InvalidResponse(f"{self.exchange.title} sent {said}")
            if candle.is_over is not False and candle.market in self.symbols:
                self._kept[candle.market, candle.ts] = candle

    def _final(self) -> list[Response]:
        """Return the candles whose minute is over: the exchange says so, has begun the next one, or GRACE is over."""
        newest = dict(sorted(self._kept))
        now, found = self.clocks.wall(), defaultdict[str, list[Candle]](list)
        for (market, ts), candle in sorted(self._kept.items()):
            if candle.is_over or ts < newest[market] or now >= ts + MINUTE + GRACE:
                found[market].append(self._kept.pop((market, ts)))
        return [self._response(self.symbols[market], candles, now) for market, candles in found.items()]

    def _response(self, symbol: str, candles: list[Candle], now: float) -> Response:
        # the exchange says that the minute is over, so it is, whatever this machine's clock says
        at = max(now, float(candles[-1].ts + MINUTE))
        body = b"[" + b",\n".join(candle.message for candle in candles) + b"]"
        request = {"channel": candles[-1].market, "exchange": self.exchange.title, "interval": "1m"}
        return Response(self.name, symbol, None, request, at, body, "application/json")

    def _check_silence(self) -> None:
        now, title = self.clocks.steady(), self.exchange.title
        if now - self._message_at >= SILENCE:
            raise TimedOut(f"{title}'s connection is open and silent for {SILENCE:.0f} s; it is connected anew")
        if now - self._candle_at >= HOLE:
            minutes = HOLE / MINUTE
            raise TimedOut(f"{title} sent no candle of any symbol for {minutes:.0f} min; it is connected anew")


def channel_name(exchange: Exchange, symbol: str) -> str:
    """Return how an exchange's channel names the market of a symbol: Kraken as BTC/USD, Binance as BTCUSDT."""
    return symbol if exchange.title == "Kraken" else exchange.market(symbol)


def candles_in(message: Message, frame: bytes, exchange: Exchange) -> list[Candle]:
    """Return the candles of a message, each with a message of its own. Raises InvalidResponse where they are none."""
    try:
        if "k" in message.get("data", ()):
            kline = message["data"]["k"]
            return [Candle(str(kline["s"]), _minute(message), bool(kline["x"]), frame)]
        if message.get("channel") != "ohlc":
            return []
        parts = [{**message, "data": [each]} for each in message["data"]]
        frames = [frame] if len(parts) == 1 else [orjson.dumps(part) for part in parts]
        own = zip(parts, frames, strict=True)
        return [Candle(str(part["data"][0]["symbol"]), _minute(part), None, frame) for part, frame in own]
    except (BadFile, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error!s:.120}"
        raise InvalidResponse(f"{exchange.title} sent a message that is no candle as it was known ({said})") from None


def _minute(message: Message) -> int:
    [(ts, *_)] = rows_of_answer(message, "a message")
    return ts


def _decoded(frame: bytes, exchange: Exchange) -> Message:
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise InvalidResponse(f"{exchange.title} sent {frame[:60]!r}, no message of its channel; is it the address?")
    return message


def _subscription(exchange: Exchange, markets: list[str]) -> tuple[Message, set[str]]:
    """Return the message that subscribes to minute candles, and which acceptances are to come."""
    if exchange.title == "Kraken":
        params = {"channel": "ohlc", "symbol": markets, "interval": 1}
        return {"method": "subscribe", "params": params}, set(markets)
    names = [f"{market.lower()}@kline_1m" for market in markets]
    return {"method": "SUBSCRIBE", "params": names, "id": 1}, {"1"}


def _is_acceptance(exchange: Exchange, message: Message) -> set[str]:
    """Return what a message accepts. Raises the SourceError of a refusal."""
    if said := message.get("error"):
        raise refusal(exchange, 200, f"{said}")
    match message:
        case {"method": "subscribe", "result": {"symbol": str(market)}}:
            return {market}
        case {"result": None, "id": number}:
            return {str(number)}
    return set()
