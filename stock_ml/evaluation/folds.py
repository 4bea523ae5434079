"""Walk-forward folds over sessions: a fold trains only on targets known before its evaluation begins.

Each fold trains on the same number of sessions, those just before it. With growing windows, the last fold would
evaluate a model of more data than the first, and none of them the recipe that is refitted each day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import TooLittleHistory
from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS

# at most so many sessions are out of sample, in so many folds; fewer than MIN_HISTORY are too few. With 12, the 6 that
# confirm could not tell a true skill of 2 % from chance, at 1 %, in one market of six
MAX_EVALUATED, MAX_FOLDS, MIN_HISTORY = 20, 4, 4
# sessions of a short history that are left to train on, and those out of sample: one to choose on, the others confirm
MIN_TRAINED, MIN_EVALUATED = 2, 1 + MIN_TEST_SESSIONS
REGIME_SESSIONS = MIN_TRAINED + MIN_EVALUATED
FOREVER = 2**62


@dataclass(frozen=True)
class Fold:
    """Evaluate bars with `first <= bar_ts < until`; train on those from `since` whose target is known by `first`.

    All in UTC epoch seconds.
    """

    since: int
    first: int
    until: int


def known_at(bar_ts: Any, horizon: int) -> Any:
    """Return when the target of a forecast from `bar_ts` is known: when the target's bar has ended."""
    return bar_ts + (horizon + 1) * MINUTE


def in_training(bar_ts: Any, fold: Fold, horizon: int) -> Any:
    """Say of rows whether a fold trains on them; `bar_ts` is an array or a column of Spark."""
    return (bar_ts >= fold.since) & (known_at(bar_ts, horizon) <= fold.first)


def in_evaluation(bar_ts: Any, fold: Fold) -> Any:
    """Say of rows whether a fold evaluates them; `bar_ts` is an array or a column of Spark."""
    return (bar_ts >= fold.first) & (bar_ts < fold.until)


def walk_forward_folds(firsts: Sequence[int], end: int, longest: int) -> list[Fold]:
    """Return walk-forward folds over training sessions, oldest first.

    `firsts` are the first bars of the sessions, ascending; `end` is after the last bar. The newer half of the sessions
    is out of sample, MIN_EVALUATED of them where MIN_TRAINED are left before these, and at most MAX_EVALUATED. All
    folds train on the same number of sessions just before them: those before the first fold, at most `longest`. Raises
    TooLittleHistory below MIN_HISTORY sessions.
    """
    if len(firsts) < MIN_HISTORY:
        raise TooLittleHistory(
            f"{len(firsts)} sessions with forecastable bars are too few to train and to judge, {MIN_HISTORY} are "
            "needed: fetch more history (STOCKML_HISTORY_MONTHS) or hold out fewer sessions"
        )
    evaluated = min(max(len(firsts) // 2, min(len(firsts) - MIN_TRAINED, MIN_EVALUATED)), MAX_EVALUATED)
    parts = np.array_split(np.arange(len(firsts) - evaluated, len(firsts)), min(MAX_FOLDS, evaluated))
    starts = [int(part[0]) for part in parts]
    untils = [*(firsts[start] for start in starts[1:]), end]
    length = min(longest, starts[0])
    return [Fold(firsts[at - length], firsts[at], until) for at, until in zip(starts, untils, strict=True)]


def refit(firsts: Sequence[int], end: int, longest: int) -> Fold:
    """Return the fold that begins at `end` and never ends: it trains on the newest `longest` sessions, or on all."""
    return Fold(firsts[-min(longest, len(firsts))], end, FOREVER)
