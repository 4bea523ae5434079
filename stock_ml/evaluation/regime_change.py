"""A regime change: after an alert, history begins with its session, once enough sessions follow.

Sessions from before a change say nothing of the market since: windows that reach back to them learn what is no longer
so, and a choice made on them picks what was best then. With too few sessions since, all are used as before.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stock_ml.domain.bars import MINUTE
from stock_ml.evaluation.folds import REGIME_SESSIONS

Times = Sequence[int] | NDArray[np.int64]  # ascending, in UTC epoch seconds
FIRST_HOUR = 60 * MINUTE  # an alert in a session's first hour comes from the session before


def alert_session(firsts: Times, alert_at: float) -> int:
    """Return the number of the session that gave an alert, -1 where it is older than all.

    `firsts` are the first bars of the sessions, `alert_at` is the market's time of the alert in UTC epoch seconds.
    """
    return int(np.searchsorted(np.asarray(firsts), alert_at - FIRST_HOUR, side="right")) - 1


def latest_regime_change(opens: Times, latest: int | None, alert_at: int | None) -> int | None:
    """Return the time of the newest regime change: that of a new alert, or `latest`, that of the last change.

    An alert that comes before REGIME_SESSIONS sessions are there since the last change belongs to the same one: were
    each alert a change of its own, history would begin anew again and again.
    """
    if latest is None or alert_at is None:
        return alert_at if latest is None else latest
    return alert_at if alert_session(opens, alert_at) - alert_session(opens, latest) >= REGIME_SESSIONS else latest


def history_start(firsts: Sequence[int], regime_change_at: int | None) -> int:
    """Return the number of the session that history begins with: 0, or the one that gave the alert.

    It is the latter once REGIME_SESSIONS sessions are there from it on.
    """
    if regime_change_at is None:
        return 0
    start = max(alert_session(firsts, regime_change_at), 0)
    return start if len(firsts) - start >= REGIME_SESSIONS else 0
