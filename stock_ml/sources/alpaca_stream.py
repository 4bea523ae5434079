"""Alpaca's live bars: one websocket, which ends with one typed error whatever happens to it.

`alpaca-py` has a stream too. It passes over each time-out, so one that is open and silent stays so for ever
(alpacahq/alpaca-py#740), and it logs a refusal instead of raising it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson

from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import (
    BadFile,
    BadKey,
    BadSymbol,
    BurstLimit,
    InvalidResponse,
    PremiumEndpoint,
    ServerError,
    SourceError,
    SourceUnavailable,
    TimedOut,
)
from stock_ml.sources.alpaca import CLOCK, credentials
from stock_ml.sources.alpaca_client import WRONG_KEY
from stock_ml.sources.http_body import TIMEOUT
from stock_ml.sources.parsing import Response
from stock_ml.sources.parsing.alpaca_json import FIELDS, stamp_of
from stock_ml.sources.websocket import Socket, open_websocket, receive, send

log = logging.getLogger(__name__)
FEED = "iex"
REFERENCE = "SPY"  # traded each minute on IEX too: without a bar of it the connection is silent, not the market
FREE_PLAN = 30  # symbols of a connection
SILENCE = 5 * MINUTE  # of an open market
CLOCK_BEHIND = 300  # seconds by which this machine's clock may be behind, and a bar is final all the same
RECENT = 2  # bars of a symbol: a bar's later version comes half a minute after it, and once more with the next bar
PAGE = b'{"bars": {%b: [%b]}, "next_page_token": null}'  # of REST, so that one parser reads both
BARS = ("b", "u")  # of `bars` and `updatedBars`
Message = dict[str, Any]


class Received(NamedTuple):
    """Hold a message, and its bytes."""

    message: Message
    body: bytes


@dataclass
class AlpacaStream:
    """Receive minute bars, and later versions of them.

    A connection is silent where no bar came, of the symbols or of the reference, for SILENCE of an open market.
    """

    socket: Socket
    address: str
    symbols: frozenset[str]
    sessions: Sessions
    name: str = "alpaca"
    now: Callable[[], float] = time.time
    _recent: dict[str, dict[int, Received]] = field(default_factory=dict, init=False)
    _bar_at: float = field(init=False)
    _is_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._bar_at = self.now()

    @classmethod
    def connect(cls, s: Settings, symbols: Sequence[str]) -> "AlpacaStream":
        """Return a connection that has accepted all symbols. Raises the SourceError that says why it does not."""
        key, secret = credentials(s)
        address = f"{s.alpaca_stream_url.rstrip('/')}/v2/{FEED}"
        socket = open_websocket(address, partial(_handshake_error, address))
        stream = cls(socket, address, frozenset(symbols), s.calendars.of(REFERENCE))
        try:
            stream.log_in(key.get_secret_value(), secret.get_secret_value())
        except SourceError:
            stream.close()
            raise
        return stream

    def log_in(self, key: str, secret: str) -> None:
        """Log in and subscribe. Raises the SourceError that says why that is not accepted."""
        self._expect("success")
        send(self.socket, {"action": "auth", "key": key, "secret": secret}, self.address)
        self._expect("success")
        watched = subscription(self.symbols)
        send(self.socket, {"action": "subscribe", "bars": watched, "updatedBars": watched}, self.address)
        bars = self._expect("subscription").get("bars")
        accepted = bars if isinstance(bars, list) else []
        if missing := [symbol for symbol in sorted(self.symbols) if symbol not in accepted]:
            raise InvalidResponse(f"{self.address} does not send bars of {', '.join(missing)}, and does not say why")

    def receive(self, seconds: float) -> list[Response]:
        """Return the bars of the next message, nothing where none came within `seconds`.

        Raises the SourceError that ended the connection.
        """
        try:
            found = [self._response(each) for each in self._messages(seconds) if self._is_bar(each.message)]
            self._check_silence()
        except SourceError:
            self.close()
            raise
        return found

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def _expect(self, kind: str) -> Message:
        messages = self._messages(TIMEOUT)
        if not messages:
            raise TimedOut(f"{self.address} did not answer within {TIMEOUT:.0f} s; see that the network is up")
        first = messages[0].message
        if (given := first.get("T")) != kind:
            raise InvalidResponse(f"{self.address} sent {given!r:.20}, not {kind}; is it Alpaca's address?")
        return first

    def _messages(self, seconds: float) -> list[Received]:
        """Return the next messages, nothing where none came. Raises the SourceError that they mean."""
        frame = receive(self.socket, seconds, self.address)
        if frame is None:
            return []
        try:
            bodies = [bytes(each) for each in msgspec.json.decode(frame, type=list[msgspec.Raw])]
            messages = [Received(msgspec.json.decode(body, type=Message), body) for body in bodies]
        except msgspec.DecodeError:  # what came is not shown: it may be an echo, of the secret too
            said = f"{len(frame)} bytes that are no JSON array of messages"
            raise InvalidResponse(f"{self.address} sent {said}; is it Alpaca's address?") from None
        for message, _ in messages:
            if message.get("T") == "error":
                raise refusal(message, self.address, len(subscription(self.symbols)))
        return messages

    def _is_bar(self, message: Message) -> bool:
        """Say whether a message is a bar of the symbols, and note when one came, of the reference too."""
        if message.get("T") not in BARS:
            return False
        self._bar_at = self.now()
        return str(message.get("S")) in self.symbols

    def _response(self, bar: Received) -> Response:
        symbol, at = str(bar.message["S"]), self.now()
        recent, opens = self._recent.setdefault(symbol, {}), open_of(bar.message)
        if opens is None:  # the parser says what is wrong; it must not spoil the bars after it
            return self._of([bar], symbol, at)
        recent[opens] = bar
        for old in sorted(recent)[:-RECENT]:
            del recent[old]
        return self._of([each for _, each in sorted(recent.items())], symbol, self._final_at(at, opens + MINUTE))

    def _of(self, bars: list[Received], symbol: str, at: float) -> Response:
        body = PAGE % (orjson.dumps(symbol), b",".join(bar.body for bar in bars))
        return Response(self.name, symbol, None, {"stream": symbol, "feed": FEED}, at, body, "application/json")

    def _final_at(self, at: float, end: int) -> float:
        """Return a time at which a bar that ended by the service's clock is final, whatever this machine's says."""
        behind = end - at
        if behind > CLOCK and not self._is_warned:
            self._is_warned = True
            log.warning("this machine's clock is %.0f s behind Alpaca's: set it", behind)
        return float(end) if 0 < behind <= CLOCK_BEHIND else at

    def _check_silence(self) -> None:
        silence = open_seconds(self._bar_at, self.now(), self.sessions)
        if silence >= SILENCE:
            raise TimedOut(
                f"{self.address} is open and silent: no bar of any symbol, nor of {REFERENCE}, for "
                f"{silence / MINUTE:.0f} min while {self.sessions.exchange} is open. It is connected anew; where that "
                "does not help, see status.alpaca.markets and this machine's clock"
            )


def subscription(symbols: frozenset[str]) -> list[str]:
    """Return the symbols to subscribe to: with the reference, where a free plan has room for it."""
    return sorted(symbols | {REFERENCE} if len(symbols) < FREE_PLAN else symbols)


def open_seconds(since: float, now: float, sessions: Sessions) -> float:
    """Return for how long the session that is open at `now` has been open since a time, 0 where none is.

    Times in UTC epoch seconds.
    """
    [number] = sessions.number(np.array([int(now)])).tolist()
    return 0.0 if number < 0 else now - max(since, float(sessions.opens[number]))


def open_of(bar: Message) -> int | None:
    """Return when a bar opens in UTC epoch seconds, None where the parser would refuse its answer."""
    try:
        opens = stamp_of(bar, "")
    except BadFile:
        return None
    return opens if all(type(bar.get(name)) in (int, float, type(None)) for name in FIELDS) else None


def refusal(message: Message, address: str, symbols: int) -> SourceError:
    """Return the error that a message of type `error` means."""
    code, said = message.get("code"), f"It said: {message.get('msg')!s:.200} ({message.get('code')!r:.20})"
    match code:
        case 400:
            return BadSymbol(f"Alpaca does not know this form of a symbol; it has stocks and ETFs, as BRK.B. {said}")
        case 401 | 402:
            return BadKey(f"{WRONG_KEY}. {said}")
        case 405:
            return PremiumEndpoint(
                f"the key's plan does not allow {symbols} symbols at once; a free one allows {FREE_PLAN}. Name fewer "
                f"with SYMBOLS=…. {said}"
            )
        case 406:
            return BurstLimit(
                "another program uses the one connection that Alpaca gives an account: end it, or use a key of another "
                f"account. {said}"
            )
        case 409:
            return PremiumEndpoint(f"the key's plan does not include {address}. {said}")
        case 404 | 407:
            return SourceUnavailable(f"{address} ended the connection, as this machine was too slow. {said}")
        case 500:
            return ServerError(f"{address}: an error of Alpaca's; it may go through later. {said}")
        case _:
            return InvalidResponse(f"{address} refused, and it is not known why. {said}")


def _handshake_error(address: str, status: int) -> SourceError:
    where = f"{address} (HTTP {status})"
    if status in (401, 403):
        return BadKey(f"{WRONG_KEY}. {where} refused the connection")
    if status == 429:
        return BurstLimit(f"{where}: too many connections at once")
    return ServerError(f"{where} opens no websocket now; see STOCKML_ALPACA_STREAM_URL")
