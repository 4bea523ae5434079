"""The request budget of a source: how many a minute and a day, and when the next one may go."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")  # Alpha Vantage's days begin at its own midnight
MINUTE = 60.0


@dataclass(frozen=True)
class Budget:
    """Hold what a plan (the tier) allows; 0 is no limit."""

    per_minute: int = 0
    per_day: int = 0

    @property
    def pause(self) -> float:
        """Return the seconds between two requests: evenly spread, no minute, wherever it begins, holds too many."""
        return MINUTE / self.per_minute if self.per_minute else 0.0

    def slot(self, newest: float | None, now: float) -> float:
        """Return when the next request may go; `newest` is when the one before goes, UTC epoch seconds."""
        return now if newest is None else max(now, newest + self.pause)

    def allows(self, used: int) -> bool:
        """Say whether a day on which `used` requests were made has one more."""
        return not self.per_day or used < self.per_day

    def days(self, requests: int, used: int) -> int:
        """Return on how many days, today included, so many requests are made; `used` were made today."""
        if not self.per_day or not requests:
            return min(requests, 1)
        later = max(requests - max(self.per_day - used, 0), 0)
        return 1 + ceil(later / self.per_day)

    def seconds(self, requests: int) -> float:
        """Return how long so many requests take at this rate, without waiting for other days."""
        return requests * self.pause


def day_of(ts: float) -> date:
    """Return the source's day of a time in UTC epoch seconds."""
    return datetime.fromtimestamp(ts, ZONE).date()


def next_day(ts: float) -> float:
    """Return when the source's next day begins; both times in UTC epoch seconds."""
    return datetime.combine(day_of(ts) + timedelta(days=1), time(), ZONE).timestamp()
