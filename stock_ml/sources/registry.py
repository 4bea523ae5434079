"""The registry of sources: one protocol, and one table of the sources that come with the project."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.request_budget import Budget
from stock_ml.sources import yahoo
from stock_ml.sources.alpha_vantage import AlphaVantage, no_limit
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.delayed_feed import DelayedFeed
from stock_ml.sources.parsing import Response

RequestLimiter = Callable[[], None]


class Source(Protocol):
    """Give bars as received; raises the SourceError that names what went wrong, or BadFile."""

    @property
    def name(self) -> str:
        """Return the source's name, as it stands in keys, bars and messages."""

    def fetch(self, symbol: str, month: str) -> Response:
        """Return all bars of a symbol's month YYYY-MM, or of "all" months of a file. Raises NoBars where none is."""

    def newest(self, symbol: str) -> Response:
        """Return a symbol's newest bars."""


@dataclass(frozen=True)
class Registration:
    """Register a source: how it is opened, what its history costs, and at which rate it answers.

    `requests_for(month, sessions, now)` is the number of requests for a month YYYY-MM, none where it is out of reach;
    a source without it answers a month in one. `per_minute` is the pace that a source without a key's plan bears.
    """

    open: Callable[[Settings, RequestLimiter], Source]
    requests_for: Callable[[str, Sessions, float], int] | None = None
    per_minute: int = 0


SOURCES = {
    "sandbox": Registration(lambda s, _: AlphaVantage.sandbox(s)),
    "alpha_vantage": Registration(AlphaVantage.connect),
    "yahoo": Registration(lambda s, _: yahoo.Yahoo.connect(s), yahoo.request_count, round(60 / yahoo.PAUSE)),
    "csv": Registration(lambda s, _: CsvFiles.connect(s)),
}


def open_source(s: Settings, limiter: RequestLimiter = no_limit) -> Source:
    """Return the source that the settings name; nothing is sent or read yet.

    `limiter` is called before each request of a source that counts them; it waits, or raises DailyLimit.
    """
    source = SOURCES[s.source].open(s, limiter)
    return DelayedFeed(source, s.feed_delay) if s.feed_delay and not s.replayed else source


def requests_for(s: Settings, symbol: str, month: str, now: float) -> int:
    """Return how many requests a symbol's month YYYY-MM takes at `now`, none where the source no longer has it."""
    count = SOURCES[s.source].requests_for
    return 1 if count is None else count(month, s.calendars.of(symbol), now)


def request_budget(s: Settings) -> Budget:
    """Return how many requests the source answers a minute and a day."""
    if s.capabilities.metered:
        return Budget(s.requests_per_minute, s.requests_per_day)
    return Budget(SOURCES[s.source].per_minute)
