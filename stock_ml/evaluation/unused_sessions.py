"""Sessions that no earlier decision used: only they may confirm a candidate.

Whoever tests the same sessions day after day finds a lucky one in the end. A test that ends either way uses its
sessions up; they still serve to choose the next challenger. After an alarm the sessions before it say nothing of the
market since, and confirm nothing either.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.evaluation.diebold_mariano import FEWEST
from stock_ml.evaluation.folds import ENOUGH
from stock_ml.evaluation.promotion import Decision, Losses, PromotionThreshold, decide, refresh
from stock_ml.evaluation.regime_change import alarmed

Ints = NDArray[np.int64]


class Before(NamedTuple):
    """Say what stands before a decision, times in UTC epoch seconds, None where there was no such thing.

    `kind` serves, `decided_until` is the end of the newest session that a decision used, `changed_at` the newest alarm.
    """

    kind: str
    decided_until: int | None = None
    changed_at: int | None = None


class Walked(NamedTuple):
    """Hold the sessions that were judged, all (n,), oldest first: first bar and end in UTC epoch seconds.

    `newer` marks those that may confirm, had no decision used them; `losses` are by kind, persistence among them.
    """

    firsts: Ints
    ends: Ints
    newer: NDArray[np.bool_]
    losses: Losses


def decide_on_unused(walked: Walked, before: Before, threshold: PromotionThreshold) -> Decision:
    """Return who is champion next, and until when sessions are used up by then.

    The first decision confirms on the newer sessions; a later one on those of them that began since the last one, and
    since the last alarm. Where these are fewer than FEWEST, or history reaches back to before the alarm, the kind that
    serves is only refreshed: by the newer sessions, after an alarm by those since it where there are any.
    """
    unused, why = _unused(walked, before)
    used = _newest(walked, before) if why else unused
    if why:
        found = refresh(_of(walked, used), before.kind, threshold, why)
    else:
        found = decide(_of(walked, ~unused), _of(walked, unused), before.kind, threshold)
    newest = max(int(walked.ends[used].max()), before.decided_until or 0) if found.used else before.decided_until
    return found._replace(decided_until=newest)


def _unused(walked: Walked, before: Before) -> tuple[NDArray[np.bool_], str]:
    """Return which sessions may confirm, and why nothing is to be confirmed, empty where it is."""
    changed, decided = before.changed_at or 0, before.decided_until or 0
    unused = walked.newer & (walked.firsts >= max(changed, decided))
    count, since = int(unused.sum()), alarmed(walked.firsts, changed)
    if changed and since >= 0:
        return unused, f"there are {len(walked.firsts) - since} of {ENOUGH} sessions since the alarm"
    if (changed or decided) and count < FEWEST:
        return unused, f"there are {count} of {FEWEST} sessions that no decision used yet"
    return unused, ""


def _newest(walked: Walked, before: Before) -> NDArray[np.bool_]:
    """Return the sessions that say whether the kind that serves is still as good as the last price."""
    since: NDArray[np.bool_] = np.arange(len(walked.firsts)) >= alarmed(walked.firsts, before.changed_at or 0)
    return walked.newer & since


def _of(walked: Walked, which: NDArray[np.bool_]) -> Losses:
    return {kind: loss[which] for kind, loss in walked.losses.items()}
