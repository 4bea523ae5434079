"""Walk-forward folds over sessions: what is trained on is known before what is judged begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stock_ml.bars import MINUTE
from stock_ml.errors import TooLittleHistory

JUDGED, FOLDS, SESSIONS = (
    12,
    4,
    4,
)  # at most so many sessions are walked, in so many folds; fewer than the last: too few


@dataclass(frozen=True)
class Fold:
    """Judge bars with `first <= bar_ts < until`; train on rows whose target is known by `first`. Epoch seconds."""

    first: int
    until: int


def known_at(bar_ts: int, horizon: int) -> int:
    """Return when the target of a forecast from `bar_ts` is known: when the target's bar has ended."""
    return bar_ts + (horizon + 1) * MINUTE


def folds(firsts: Sequence[int], end: int) -> list[Fold]:
    """Return walk-forward folds over training sessions, oldest first.

    `firsts` are the first bars of the sessions, ascending; `end` is after the last bar. The newer half of the sessions
    is judged, at least 2 and at most JUDGED. Raises TooLittleHistory below SESSIONS sessions.
    """
    if len(firsts) < SESSIONS:
        raise TooLittleHistory(
            f"{len(firsts)} sessions with forecastable bars are too few to train and to judge, {SESSIONS} are needed: "
            "fetch more history (STOCKML_HISTORY_MONTHS) or hold out fewer sessions"
        )
    judged = min(max(2, len(firsts) // 2), JUDGED)
    parts = np.array_split(np.asarray(firsts[-judged:]), min(FOLDS, judged))
    starts = [int(part[0]) for part in parts]
    return [Fold(first, until) for first, until in zip(starts, [*starts[1:], end], strict=True)]
