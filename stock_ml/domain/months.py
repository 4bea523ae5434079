"""Calendar months of history, and when each is complete."""

import numpy as np

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions


def months_of(now: float, history: int, calendar: Sessions) -> list[str]:
    """Return `history` whole months before the month of `now` (UTC epoch seconds), as YYYY-MM, ascending.

    The month of `now` follows them, once a bar of its first session is over. Raises UnknownSessions where the calendar
    does not reach as far back, or ends before.
    """
    this = np.datetime64(int(now), "s").astype("datetime64[M]")
    _first_session(str(this - history), calendar)
    months = [str(month) for month in np.arange(this - history, this + 1)]
    return months if now >= _opens(str(this), calendar) + MINUTE else months[:-1]


def ends_at(month: str, calendar: Sessions) -> float:
    """Return when the last bar of a month YYYY-MM is known, UTC epoch seconds."""
    _first_session(month, calendar)
    after = (np.datetime64(month, "M") + 1).astype("datetime64[D]")
    return float(calendar.closes[np.searchsorted(calendar.dates, after) - 1])


def complete_at(month: str, now: float, calendar: Sessions) -> float:
    """Return from when on a response holds all of a month YYYY-MM that is over at `now`, UTC epoch seconds.

    Raises UnknownSessions where the calendar ends before.
    """
    calendar.upcoming(now)  # raises where no later session is known
    opens, closes = calendar.periods
    at = np.searchsorted(closes, now, side="right")
    newest = now // MINUTE * MINUTE if opens[at] < now else float(closes[at - 1])
    return min(newest, ends_at(month, calendar))


def edges_of(month: str, calendar: Sessions) -> tuple[float, float]:
    """Return when the first session of a month YYYY-MM opens and the last one closes, UTC epoch seconds."""
    return _opens(month, calendar), ends_at(month, calendar)


def _opens(month: str, calendar: Sessions) -> float:
    return float(calendar.opens[_first_session(month, calendar)])


def _first_session(month: str, calendar: Sessions) -> int:
    """Return the number of the first session from a month on. Raises UnknownSessions where none of it is known."""
    first = np.datetime64(month, "M")
    if first + 1 <= calendar.dates[0] or first > calendar.dates[-1]:
        raise calendar.unknown(month)
    return int(np.searchsorted(calendar.dates, first.astype("datetime64[D]")))
