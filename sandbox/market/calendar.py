"""Days of a market, counted without gaps, so that a session's random numbers do not depend on how many came before."""

from functools import lru_cache

import numpy as np

from sandbox.market.market_kinds import FULL
from stock_ml.domain.calendar import FIRST, Sessions


def day_of(sessions: Sessions) -> np.ndarray:
    """Return the day of each session, (n,), counted from the first of the calendar on."""
    return np.asarray((sessions.dates - np.datetime64(FIRST)).astype(np.int64))


@lru_cache(maxsize=8)
def minutes(sessions: Sessions) -> np.ndarray:
    """Return for each day (m,) the minutes in which prices move: those of its session, none at a weekend.

    A weekday without a session moves prices too, seen as a wider gap: a closure that a calendar learns of later
    changes no price after it.
    """
    at = day_of(sessions)
    weekday = np.is_busday(np.datetime64(FIRST) + np.arange(at[-1] + 1))
    found = np.where(weekday, FULL, 0)
    found[at] = sessions.lengths
    return found
