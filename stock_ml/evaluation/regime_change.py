"""What an alarm leaves of history: the sessions since it, once they are enough to train, to choose and to confirm.

Sessions from before a change say nothing of the market since: windows that reach back to them learn what is no longer
so, and a choice made on them picks what was best then. With too few since, all sessions are used as before.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stock_ml.domain.bars import MINUTE
from stock_ml.evaluation.folds import ENOUGH

Times = Sequence[int] | NDArray[np.int64]  # ascending, in UTC epoch seconds
EARLY = 60 * MINUTE  # what a session's first hour tells, the one before told


def alarmed(firsts: Times, changed_at: float) -> int:
    """Return the number of the session that gave an alarm, -1 where it is older than all.

    `firsts` are the first bars of the sessions, `changed_at` is the market's time of the alarm in UTC epoch seconds.
    """
    return int(np.searchsorted(np.asarray(firsts), changed_at - EARLY, side="right")) - 1


def latest_change(opens: Times, known: int | None, raised: int | None) -> int | None:
    """Return since when the market is another one: `raised`, a new alarm's time, or `known`, the last one's.

    An alarm that comes before ENOUGH sessions are there since the last one tells of the same change: were each of them
    a change of its own, history would begin anew again and again.
    """
    if known is None or raised is None:
        return raised if known is None else known
    return raised if alarmed(opens, raised) - alarmed(opens, known) >= ENOUGH else known


def begins(firsts: Sequence[int], changed_at: int | None) -> int:
    """Return the number of the session that history begins with: 0, or the one that gave the alarm.

    It is the latter once ENOUGH sessions are there from it on.
    """
    if changed_at is None:
        return 0
    begun = max(alarmed(firsts, changed_at), 0)
    return begun if len(firsts) - begun >= ENOUGH else 0
