"""Confirm a candidate only on sessions that no earlier decision used.

A test repeated on the same sessions day after day promotes a lucky candidate in the end. A test that ends either way
uses its sessions up; they still serve to choose the next challenger. After a regime change the sessions before it say
nothing of the market since, and confirm nothing either.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.folds import REGIME_SESSIONS
from stock_ml.evaluation.promotion import Decision, Losses, PromotionThreshold, decide, refresh
from stock_ml.evaluation.regime_change import alert_session

Ints = NDArray[np.int64]


class Incumbent(NamedTuple):
    """Hold the kind that serves and what limits the next decision; times in UTC epoch seconds, None if unknown.

    `decided_until` is the end of the newest session that a decision used, `regime_change_at` the market's time of the
    newest alert.
    """

    kind: str
    decided_until: int | None = None
    regime_change_at: int | None = None


class SessionLosses(NamedTuple):
    """Hold the out-of-sample losses of sessions, all (n,), oldest first: first bar and end in UTC epoch seconds.

    `newer` marks those that may confirm, had no decision used them; `losses` are by kind, persistence among them.
    """

    firsts: Ints
    ends: Ints
    newer: NDArray[np.bool_]
    losses: Losses


def decide_on_unused(sessions: SessionLosses, incumbent: Incumbent, threshold: PromotionThreshold) -> Decision:
    """Return who is champion next, and until when sessions are used up by then.

    The first decision confirms on the newer sessions; a later one on those of them that began since the last one, and
    since the last regime change. Where these are fewer than MIN_TEST_SESSIONS, or history reaches back to before the
    change, the incumbent's kind is only refreshed: by the newer sessions, after a change by those since it where there
    are any.
    """
    unused, why = _unused(sessions, incumbent)
    used = _newest(sessions, incumbent) if why else unused
    if why:
        decision = refresh(_losses(sessions, used), incumbent.kind, threshold, why)
    else:
        decision = decide(_losses(sessions, ~unused), _losses(sessions, unused), incumbent.kind, threshold)
    if not decision.used:
        return decision._replace(decided_until=incumbent.decided_until)
    return decision._replace(decided_until=max(int(sessions.ends[used].max()), incumbent.decided_until or 0))


def _unused(sessions: SessionLosses, incumbent: Incumbent) -> tuple[NDArray[np.bool_], str]:
    """Return which sessions may confirm, and why nothing is to be confirmed, empty where it is."""
    changed, decided = incumbent.regime_change_at or 0, incumbent.decided_until or 0
    unused = sessions.newer & (sessions.firsts >= max(changed, decided))
    count, since = int(unused.sum()), alert_session(sessions.firsts, changed)
    if changed and since >= 0:
        return unused, f"there are {len(sessions.firsts) - since} of {REGIME_SESSIONS} sessions since the alarm"
    if (changed or decided) and count < MIN_TEST_SESSIONS:
        return unused, f"there are {count} of {MIN_TEST_SESSIONS} sessions that no decision used yet"
    return unused, ""


def _newest(sessions: SessionLosses, incumbent: Incumbent) -> NDArray[np.bool_]:
    """Return the sessions that say whether the kind that serves is still as good as the last price."""
    first = alert_session(sessions.firsts, incumbent.regime_change_at or 0)
    since: NDArray[np.bool_] = np.arange(len(sessions.firsts)) >= first
    return sessions.newer & since


def _losses(sessions: SessionLosses, which: NDArray[np.bool_]) -> Losses:
    return {kind: loss[which] for kind, loss in sessions.losses.items()}
