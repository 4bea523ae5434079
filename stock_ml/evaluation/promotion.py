"""Decide which candidate becomes champion: chosen on earlier folds, confirmed on later ones.

`unused_sessions` says which sessions may confirm; `training.train` moves the alias.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.evaluation.diebold_mariano import diebold_mariano_p_value

PERSISTENCE = "persistence"
Floats = NDArray[np.float64]
Losses = Mapping[str, Floats]


class Decision(NamedTuple):
    """Say which kind becomes champion, why in words, and the p-value that it was decided by (1 where none was).

    `used` says whether the later sessions decided it; `decided_until` is the end of the newest session that this or an
    earlier decision used, in UTC epoch seconds, None where none did.
    """

    kind: str
    reason: str
    p_value: float
    used: bool
    decided_until: int | None = None


class PromotionThreshold(NamedTuple):
    """Bound the p-value of a promotion, and how much worse than the last price a refit of the same recipe may be."""

    alpha: float
    margin: float


def decide(earlier: Losses, later: Losses, incumbent: str, threshold: PromotionThreshold) -> Decision:
    """Return who is champion next; losses by kind, one number a session, persistence among them.

    The kind with the least loss on the earlier sessions is the challenger. To take another kind's place, persistence's
    too, it must be better on the later sessions at `alpha`. The incumbent's own kind, refitted, replaces it
    unless it is worse than persistence by more than `margin` of its loss; then persistence serves.
    """
    challenger = min((float(np.mean(loss)), kind != incumbent, kind) for kind, loss in earlier.items())[2]
    incumbent = incumbent if incumbent in later else PERSISTENCE
    if challenger == incumbent:
        return refresh(later, incumbent, threshold, "nothing was better on the earlier sessions")
    p_value = diebold_mariano_p_value(later[incumbent] - later[challenger])
    if p_value < threshold.alpha:
        count = len(later[challenger])
        reason = f"{challenger} was better than {incumbent} on {count} later sessions, p = {p_value:.2g}"
        return Decision(challenger, reason, p_value, used=True)
    reason = f"{challenger} was not better than {incumbent} on the later sessions beyond chance, p = {p_value:.2g}"
    return refresh(later, incumbent, threshold, reason)._replace(p_value=p_value, used=True)


def refresh(later: Losses, incumbent: str, threshold: PromotionThreshold, reason: str) -> Decision:
    """Return the incumbent's own kind, or persistence where it is worse than that by more than `margin`."""
    incumbent = incumbent if incumbent in later else PERSISTENCE
    ours, theirs = float(np.mean(later[incumbent])), float(np.mean(later[PERSISTENCE]))
    if ours <= theirs * (1 + threshold.margin):
        return Decision(incumbent, reason, 1.0, used=False)
    return Decision(PERSISTENCE, f"{reason}; and {incumbent} is worse than the last price by now", 1.0, used=True)
