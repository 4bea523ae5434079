"""Clocks: wall time for real sources, faster time without closed hours for the sandbox."""

import time
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from stock_ml.domain.bars import utc
from stock_ml.domain.calendar import Sessions

AFTER_CLOSE = 120  # seconds that the simulated clock runs on after a close, to show the last bar and the closed state


class Clock(Protocol):
    """Say what time it is, in UTC epoch seconds."""

    def now(self) -> float: ...


class WallClock:
    """Read the machine's own time."""

    def now(self) -> float:
        return time.time()


class EventClock:
    """Stand at the moment when the newest bar seen so far became known: the time of a replay."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def advance(self, known_at: float) -> None:
        """Move forward to `known_at`; an older time changes nothing."""
        self._now = max(self._now, known_at)


@dataclass(frozen=True)
class Reading:
    """Pin a market time to a wall time, both UTC epoch seconds; `speed` is market seconds a wall second.

    `after_close`: market seconds that the clock runs on after a close.
    """

    market: float
    wall: float
    speed: float
    paused: bool
    after_close: int = AFTER_CLOSE

    def at(self, wall: float, sessions: Sessions) -> float:
        """Return the market time at a wall time: paused it stands, else it runs and skips closed hours."""
        if self.paused or wall <= self.wall:
            return self.market
        return skip_closed(self.market, (wall - self.wall) * self.speed, sessions, self.after_close)

    def later(self, seconds: float, sessions: Sessions) -> "Reading":
        """Return the reading of the same wall time that is later by seconds of open market."""
        if seconds == 0:
            return self
        return replace(self, market=skip_closed(self.market, seconds, sessions, self.after_close))


def skip_closed(market: float, seconds: float, sessions: Sessions, after_close: int = AFTER_CLOSE) -> float:
    """Return the time `seconds` of open market after `market`; the market counts as open until `after_close`.

    Raises UnknownSessions beyond the last session known.
    """
    opens, ends = sessions.periods.opens, sessions.periods.closes + after_close
    at = int(np.searchsorted(ends, market, side="right"))
    while at < len(ends):
        market = max(market, float(opens[at]))
        if seconds < ends[at] - market:
            return market + seconds
        seconds -= float(ends[at] - market)
        market = float(ends[at])
        at += 1
    raise sessions.unknown(f"{utc(market):%Y-%m-%d %H:%M} UTC")
