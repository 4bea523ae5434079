"""Minute bars of Yahoo: no key, the last 30 days, at most seven days a request."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from tenacity import Retrying

from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.months import edges_of
from stock_ml.errors import BadSymbol, NoBars
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import RequestLimiter, no_limit
from stock_ml.sources.retry import RETRIES

DAY = 86_400
REACH = 30 * DAY - 3600  # Yahoo refuses a window that begins earlier; an hour for clocks that differ
WINDOW = 7 * DAY + 3600  # of the eight days that Yahoo gives at once; an hour for a change of clocks and LEAD
LEAD = 2400  # seconds before a close at which a chart begins: its first candle comes without a volume, so none of a
# session's own may be it, least of all the opening minute, which has the largest; and the half hour before the close
# says whether a row at it is the official close
PARAMS = {"interval": "1m", "includePrePost": "false", "events": "div,splits"}


class ChartClient(Protocol):
    """Request charts."""

    def request(self, symbol: str, params: dict[str, str]) -> bytes:
        """Return the body of one response."""


@dataclass
class Yahoo:
    """Give charts as received; the labels of a month are in the exchange's zone, and bars are stamped in UTC."""

    charts: ChartClient
    sessions_of: Callable[[str], Sessions]
    limiter: RequestLimiter = no_limit
    now: Callable[[], float] = time.time
    retries: Retrying = RETRIES
    name: str = "yahoo"

    @classmethod
    def connect(cls, s: Settings, limiter: RequestLimiter = no_limit) -> "Yahoo":
        """Return the service; `limiter` goes before each request; cookies are kept in the installation's folder."""
        from stock_ml.sources.yahoo_client import Charts  # a second, which the other sources need not wait

        return cls(Charts(s.yahoo_url, s.state / "yahoo"), s.calendars.of, limiter)

    def fetch(self, symbol: str, month: str) -> Response:
        """Return what Yahoo still has of a month YYYY-MM: a JSON array of its responses, byte for byte, one a window.

        Raises NoBars where it has none.
        """
        begins_at, bodies = self.now(), []
        refused: NoBars | None = None
        for start, end in _windows(month, self.sessions_of(symbol), begins_at):
            try:
                bodies.append(self._request(symbol, {"period1": str(start), "period2": str(end), **PARAMS}))
            except BadSymbol:
                raise
            except NoBars as error:
                refused = error
        if not any(map(_has_bars, bodies)):
            raise refused or NoBars(f"Yahoo has no minute bars of {symbol} in {month}: it keeps them for 30 days")
        return self._response(symbol, month, b"[" + b",\n".join(bodies) + b"]", begins_at)

    def newest(self, symbol: str) -> Response:
        """Return the bars of the session that is open, or of the last one, the one still forming included.

        The last minutes of the session before it come with them: the first candle, which lacks its volume, is of those.
        """
        now, sessions = self.now(), self.sessions_of(symbol)
        before = _before_close(sessions, float(sessions.opens[sessions.opens <= now][-1]))
        start = max(before, int(now) - WINDOW)  # after a week without sessions the first candle is today's
        params = {"period1": str(start), "period2": str(int(now) + 1), **PARAMS}
        return self._response(symbol, None, self._request(symbol, params), now)

    def _response(self, symbol: str, month: str | None, body: bytes, at: float) -> Response:
        request = {"chart": symbol, **PARAMS, **({"month": month} if month else {})}
        return Response(self.name, symbol, month, request, at, body, "application/json")

    def _request(self, symbol: str, params: dict[str, str]) -> bytes:
        for attempt in self.retries.copy():
            with attempt:
                self.limiter()
                body = self.charts.request(symbol, params)
        return body


def request_count(month: str, sessions: Sessions, now: float) -> int:
    """Return how many requests a month YYYY-MM takes at `now`, none where it is out of reach."""
    return len(list(_windows(month, sessions, now)))


def _windows(month: str, sessions: Sessions, now: float) -> Iterator[tuple[int, int]]:
    """Yield spans that cover what is in reach of a month; each begins in the last minutes of a session."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(sessions.zone))
    after = (first + timedelta(days=31)).replace(day=1)
    opens, _ = edges_of(month, sessions)  # of futures on the evening before the month
    since, end = max(min(int(first.timestamp()), int(opens)), int(now - REACH)), min(int(after.timestamp()), int(now))
    start = max(_before_close(sessions, since), int(now - REACH))
    while since < end:
        stop = _window_end(sessions, start, end)
        yield start, stop
        if stop == end:
            return
        start = stop - LEAD


def _window_end(sessions: Sessions, start: int, end: int) -> int:
    """Return the last close in reach of one request, or `end` where that is in reach."""
    if start + WINDOW >= end:
        return end
    close = _before_close(sessions, start + WINDOW) + LEAD
    return close if close > start + LEAD else start + WINDOW


def _before_close(sessions: Sessions, at: float) -> int:
    """Return LEAD before the last close up to a time, UTC epoch seconds."""
    return int(sessions.closes[np.searchsorted(sessions.closes, at, side="right") - 1]) - LEAD


def _has_bars(body: bytes) -> bool:
    return any(result.get("timestamp") for result in orjson.loads(body)["chart"]["result"])
