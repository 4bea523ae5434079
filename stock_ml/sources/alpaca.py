"""Minute bars of Alpaca: history from the consolidated tape (SIP), newest bars from one exchange, IEX."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from tenacity import Retrying

from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.months import edges_of
from stock_ml.errors import BadKey, BadSymbol, InvalidResponse, NoBars, PremiumEndpoint
from stock_ml.sources.alpaca_client import WRONG_KEY, Bars, Page
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import RequestLimiter, no_limit
from stock_ml.sources.retry import RETRIES

log = logging.getLogger(__name__)
Feed = Literal["sip", "iex"]
DELAY = 960  # seconds; the tape of the last 15 minutes is for paying keys, and a minute for clocks that differ
CLOCK = 60  # seconds by which this machine's clock may differ
PAGE = 10_000  # bars, the most that Alpaca gives
DAY_OF_TRADES = 16 * 60  # minutes from 4:00 to 20:00 in New York
MOST_PAGES = 40  # a month around the clock has 5
KNOWN = 5  # sessions within which a symbol has at least one trade on the tape
IN_HEADER = re.compile(r"[!-~]+")  # what a header of HTTP can hold
ZONE = ZoneInfo("America/New_York")  # in which Alpaca counts days
# as traded: the live bars are so, and history stays as it was
PARAMS = {"timeframe": "1Min", "adjustment": "raw", "sort": "asc", "limit": str(PAGE)}


class PageClient(Protocol):
    """Request pages of bars."""

    ahead: float

    def request(self, params: dict[str, str]) -> Page:
        """Return one page."""


class Span(NamedTuple):
    """Hold from when to when bars are asked for, UTC epoch seconds; a bar that begins at `end` is one of them."""

    start: float
    end: float


@dataclass
class Alpaca:
    """Give pages as received, a month as a JSON array of them.

    Each request says `asof` which day its symbol's name is meant: today, as the live bars mean it. A company that was
    renamed brings its history along, and one that had the name before does not. History is as traded.
    """

    pages: PageClient
    sessions_of: Callable[[str], Sessions]
    limiter: RequestLimiter = no_limit
    now: Callable[[], float] = time.time
    retries: Retrying = RETRIES
    name: str = "alpaca"
    _is_warned: bool = field(default=False, init=False)

    @classmethod
    def connect(cls, s: Settings, limiter: RequestLimiter = no_limit) -> "Alpaca":
        """Return the service; `limiter` goes before each request. Raises BadKey where key or secret is missing."""
        return cls(Bars(s.alpaca_url, *credentials(s)), s.calendars.of, limiter)

    def fetch(self, symbol: str, month: str) -> Response:
        """Return a month YYYY-MM of the consolidated tape, as of 15 minutes ago.

        Of a key that has no rights to it IEX's bars are returned, and a log line says so. Raises NoBars where there are
        none.
        """
        at = self._now()
        try:
            return self._month(symbol, month, "sip", at)
        except PremiumEndpoint as refusal:
            if at - (by_their_clock := self._now()) > CLOCK:  # so too recent minutes were asked for
                return self._month(symbol, month, "sip", by_their_clock)
            log.warning("%s. IEX's bars are taken instead, about 3 %% of the volume", refusal)
            return self._month(symbol, month, "iex", at)

    def newest(self, symbol: str) -> Response:
        """Return IEX's bars of the session that is open, or of the last one.

        Raises NoBars where it has none yet, BadSymbol where no exchange had any for days.
        """
        at, sessions = self._now(), self.sessions_of(symbol)
        request = _request(symbol, Span(float(sessions.opens[sessions.opens <= at][-1]), at), "iex", at)
        pages = list(self._pages(request))
        if any(page.bars for page in pages):
            return self._response(symbol, None, request, pages, at)
        self._check_is_traded(symbol, at)
        raise NoBars(f"IEX has no trade of {symbol} in the newest session yet; other exchanges had some before")

    def _now(self) -> float:
        """Return the time by Alpaca's clock, where this machine's is known to be off."""
        return self.now() - (self.pages.ahead if abs(self.pages.ahead) > CLOCK else 0.0)

    def _month(self, symbol: str, month: str, feed: Feed, at: float) -> Response:
        span = _span(month, self.sessions_of(symbol), at)
        request = _request(symbol, span, feed, at)
        pages = list(self._pages(request)) if span.start <= span.end else []
        if not any(page.bars for page in pages):
            raise NoBars(f"Alpaca has no minute bars of {symbol} in {month} that are older than {DELAY // 60} min")
        return self._response(symbol, month, request, pages, at - DELAY + MINUTE)

    def _check_is_traded(self, symbol: str, at: float) -> None:
        sessions = self.sessions_of(symbol)
        span = Span(float(sessions.opens[max(sessions.ended(at) - KNOWN, 0)]), at - DELAY)
        try:
            pages = list(self._pages(_request(symbol, span, "sip", at) | {"timeframe": "1Day"}))
        except PremiumEndpoint:  # then it is not known
            return
        if not any(page.bars for page in pages):
            raise BadSymbol(
                f"Alpaca has no trade of {symbol} in {KNOWN} sessions: it has stocks and ETFs of the United States, as "
                "BRK.B; was this one renamed or delisted?"
            )

    def _pages(self, request: dict[str, str]) -> Iterator[Page]:
        params = dict(request)
        for _ in range(MOST_PAGES):
            yield (page := self._page(params))
            if page.next_token is None:
                return
            params["page_token"] = page.next_token
        raise InvalidResponse(
            f"Alpaca gives more than {MOST_PAGES} pages of bars of {request['symbols']}: no month has"
        )

    def _page(self, params: dict[str, str]) -> Page:
        for attempt in self.retries.copy():
            with attempt:
                self.limiter()
                page = self.pages.request(params)
        self._compare_clocks()
        return page

    def _compare_clocks(self) -> None:
        if abs(self.pages.ahead) > CLOCK and not self._is_warned:
            self._is_warned = True
            side = "ahead of" if self.pages.ahead > 0 else "behind"
            log.warning("this machine's clock is %.0f s %s Alpaca's: set it", abs(self.pages.ahead), side)

    def _response(
        self, symbol: str, month: str | None, request: dict[str, str], pages: list[Page], at: float
    ) -> Response:
        body = b"[" + b",\n".join(page.body for page in pages) + b"]"
        return Response(self.name, symbol, month, request, at, body, "application/json")


def credentials(s: Settings) -> tuple[SecretStr, SecretStr]:
    """Return key and secret. Raises BadKey where one is missing, or is none."""
    if s.alpaca_key is None or s.alpaca_secret is None:
        raise BadKey(
            "source alpaca needs STOCKML_ALPACA_KEY and STOCKML_ALPACA_SECRET, which a free account at alpaca.markets "
            "gives; or set SOURCE=yahoo, SOURCE=sandbox or SOURCE=csv"
        )
    return _plain(s.alpaca_key), _plain(s.alpaca_secret)


def _plain(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    if not IN_HEADER.fullmatch(text):
        raise BadKey(f"{WRONG_KEY}; one holds a character that none of Alpaca's has")
    return SecretStr(text)


def request_count(month: str, sessions: Sessions, now: float) -> int:
    """Return how many requests a month YYYY-MM takes at `now` at most, none where it is yet to come."""
    span = _span(month, sessions, now)
    days = ((sessions.opens >= span.start) & (sessions.opens <= span.end)).sum()
    return ceil(int(days) * DAY_OF_TRADES / PAGE)


def _span(month: str, sessions: Sessions, now: float) -> Span:
    """Return a month's first open and its last close, which is before the minute at which an auction's price stands."""
    opens, closes = edges_of(month, sessions)
    return Span(opens, min(closes, now - DELAY))


def _request(symbol: str, span: Span, feed: Feed, at: float) -> dict[str, str]:
    asof = datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%d")
    return {"symbols": symbol, "start": _utc(span.start), "end": _utc(span.end), "feed": feed, "asof": asof, **PARAMS}


def _utc(ts: float) -> str:
    return datetime.fromtimestamp(int(ts), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
