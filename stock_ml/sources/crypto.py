"""Minute candles of an exchange of coins, without a key: Coinbase, Kraken or Binance.

The package `ccxt` knows these exchanges too. It hides the body that came, requests the list of all markets first, and
pins twenty packages to one version each, so that none of them could be updated without it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from tenacity import Retrying

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.months import edges_of
from stock_ml.errors import NoBars
from stock_ml.sources.crypto_exchanges import Exchange, exchange_of
from stock_ml.sources.parsing.response import Response
from stock_ml.sources.plugin import RequestLimiter, no_limit
from stock_ml.sources.retry import RETRIES

if TYPE_CHECKING:
    from stock_ml.config import Settings

DAY = 86_400
NEWEST = 299  # minutes that newest bars go back at least; with the one that forms, what one answer may span


class CandleClient(Protocol):
    """Request candles."""

    def request(self, market: str, start: int, end: int) -> tuple[bytes, int]:
        """Return an answer with the minutes from `start` to `end`, both included, and how many candles it has."""


@dataclass
class Crypto:
    """Give candles as received: each body is a JSON array of the exchange's answers, byte for byte."""

    exchange: Exchange
    candles: CandleClient
    sessions_of: Callable[[str], Sessions]
    now: Callable[[], float] = time.time
    retries: Retrying = RETRIES
    name: str = "crypto"
    _answered: dict[str, float] = field(default_factory=dict, init=False)

    @classmethod
    def connect(cls, s: "Settings", limiter: RequestLimiter = no_limit) -> "Crypto":
        """Return the exchange that the settings name; `limiter` goes before each request."""
        from stock_ml.sources.crypto_client import Candles  # it takes a while, which counting requests need not wait

        exchange = exchange_of(s)
        client = Candles(exchange, (s.crypto_url or exchange.url).rstrip("/"), limiter)
        return cls(exchange, client, s.calendars.of)

    def fetch(self, symbol: str, month: str) -> Response:
        """Return a month YYYY-MM as far as it is over and the exchange has it. Raises NoBars where it has none."""
        now = self.now()
        return self._response(symbol, month, windows(self.exchange, month, self.sessions_of(symbol), now), now)

    def newest(self, symbol: str) -> Response:
        """Return the bars since the last answer, the one that still forms included: of a day at most, at first as many.

        Raises NoBars where nobody traded for so long.
        """
        now = self.now()
        since = max(now - DAY, min(self._answered.get(symbol, 0.0), now - NEWEST * MINUTE))
        response = self._response(symbol, None, spans(self.exchange, int(since), int(now), now), now)
        self._answered[symbol] = now
        return response

    def _response(self, symbol: str, month: str | None, parts: Iterator[tuple[int, int]], at: float) -> Response:
        answers = [self._request(symbol, start, end) for start, end in parts]
        if not any(count for _, count in answers):
            when = month or "the last hours"
            raise NoBars(f"{self.exchange.title} has no minute bars of {symbol} in {when}: see the market's first day")
        body = b"[" + b",\n".join(body for body, _ in answers) + b"]"
        request = {"candles": self.exchange.market(symbol), "exchange": self.exchange.title, "interval": "1m"}
        request |= {"month": month} if month else {}
        return Response(self.name, symbol, month, request, at, body, "application/json")

    def _request(self, symbol: str, start: int, end: int) -> tuple[bytes, int]:
        for attempt in self.retries.copy():
            with attempt:
                answer = self.candles.request(self.exchange.market(symbol), start, end)
        return answer


def request_count(exchange: Exchange, month: str, sessions: Sessions, now: float) -> int:
    """Return how many requests a month YYYY-MM takes at `now`, none where it is out of reach."""
    return len(list(windows(exchange, month, sessions, now)))


def windows(exchange: Exchange, month: str, sessions: Sessions, now: float) -> Iterator[tuple[int, int]]:
    """Yield the first and the last minute of each request for a month, as far as the exchange has it at `now`."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(sessions.zone))
    after = (first + timedelta(days=31)).replace(day=1)
    opens, _ = edges_of(month, sessions)  # of futures on the evening before the month
    return spans(exchange, int(min(first.timestamp(), opens)), int(after.timestamp()), now)


def spans(exchange: Exchange, since: int, until: int, now: float) -> Iterator[tuple[int, int]]:
    """Yield the first and the last minute of each request for the minutes that begin in a time."""
    since, until = max(since, int(now - min(exchange.keeps, now))) // MINUTE * MINUTE, min(until, int(now) + 1)
    for start in range(since, until, exchange.most * MINUTE):
        yield start, min(start + (exchange.most - 1) * MINUTE, (until - 1) // MINUTE * MINUTE)
