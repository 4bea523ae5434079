"""Which bars to publish, and when to request more. Nothing is read or written here."""

from collections.abc import Sequence

import numpy as np

from serving.common.reports import MarketReport
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.calendar import Sessions

GRACE = 1800  # market seconds after which a minute that the source lacks had no trade


def last_finished(now: float, sessions: Sessions) -> int:
    """Return the newest session minute that is over at `now`, all in UTC epoch seconds."""
    opens, closes = sessions.periods
    at = int(np.searchsorted(opens, now - MINUTE, side="right")) - 1
    return int(min((now - MINUTE) // MINUTE * MINUTE, closes[at] - MINUTE))


def is_due(newest: int | None, responded_at: float | None, now: float, sessions: Sessions) -> bool:
    """Say whether the source may have a bar newer than `newest`; `responded_at` is its clock at its last response."""
    if sessions.is_over(now - MINUTE - GRACE):
        return False  # what it answers now is of no session known
    if newest is None or responded_at is None:
        return True
    expected = last_finished(now, sessions)
    return newest < expected and responded_at < expected + MINUTE + GRACE


def is_close_due(newest: int | None, responded_at: float | None, now: float, sessions: Sessions) -> bool:
    """Say whether the source may have the official close of the last session.

    `newest` is the close of the session whose official close was published last: only a symbol that had one the session
    before is asked, a minute after the close, for a source without them answers in vain. It is asked once more after
    GRACE, also where it had one: that may have been the last trade before the auction.
    """
    last = sessions.ended(now) - 1
    if newest is None or responded_at is None or last < 1 or newest not in sessions.closes[last - 1 : last + 1]:
        return False
    due = sessions.closes[last] + np.array([MINUTE, GRACE] if newest == sessions.closes[last - 1] else [GRACE])
    return bool(((due <= now) & (responded_at < due)).any())


def unsettled_session(settled: int, newest: int | None, at: float, sessions: Sessions) -> int | None:
    """Return the number of the last session that had closed `at` a time, where its settled bars are still to come.

    `settled` is the close of the session that was settled last, `newest` the newest minute that was published. None
    where the session was settled, or where that minute is of another one: a split in between would change all prices.
    """
    last = sessions.ended(at) - 1
    if newest is None or last < 0 or sessions.is_over(at) or sessions.number(np.array(newest)) != last:
        return None
    return last if sessions.closes[last] > settled else None


def first_to_publish(bars: Sequence[Bar], sessions: Sessions) -> list[Bar]:
    """Return where to begin when nothing was published yet: the newest session in an answer and the one before."""
    if not bars:
        return []
    number = sessions.number(np.array([bar.ts for bar in bars]))
    return [bar for bar, session in zip(bars, number.tolist(), strict=True) if session >= number[-1] - 1]


def leaves_gap(after: int, bars: Sequence[Bar], sessions: Sessions) -> bool:
    """Say whether there may be bars between the last published one and the first of an answer."""
    if not bars:
        return False
    published, first = sessions.index(np.array([after, bars[0].ts])).tolist()
    return bool(first - published > 1)


def months_between(first: int, last: int, sessions: Sessions) -> list[str]:
    """Return the months YYYY-MM of all sessions from one time to another."""
    at, to = sessions.ended(first), sessions.ended(last)
    return [str(month) for month in np.unique(sessions.dates[at : to + 1].astype("datetime64[M]"))]


def newly_closed(announced: int, now: float, sessions: Sessions) -> list[int]:
    """Return the numbers of the sessions that closed after the close announced last, up to `now`."""
    return list(range(sessions.ended(announced), sessions.ended(now)))


def market(now: float, calendars: Sequence[Sessions]) -> MarketReport:
    """Return the market at a time in UTC epoch seconds.

    Of several calendars it is open while one of them is. A calendar that ends before says nothing; where all do, it
    is not known whether the market is open.
    """
    states = [each.change(now) for each in calendars if not each.is_over(now)]
    change = min((at for _, at in states if at is not None), default=None)
    is_open = any(is_open for is_open, _ in states) if states else None
    return MarketReport(now=now, market_open=is_open, next_change=change)


def next_opening(now: float, calendars: Sequence[Sessions]) -> int | None:
    """Return when the session that is open at `now`, or the next one, of any calendar opens; None where none is known.

    Times in UTC epoch seconds.
    """
    return min((int(each.opens[each.upcoming(now)]) for each in calendars if not each.is_over(now)), default=None)
