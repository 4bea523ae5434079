"""Judge forecasts: walk-forward folds, metrics against persistence, and which candidate becomes champion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stock_ml.bars import MINUTE
from stock_ml.errors import TooLittleHistory
from stock_ml.intervals import coverage, quantiles

JUDGED, FOLDS, SESSIONS = (
    5,
    3,
    4,
)  # at most 5 sessions are walked, in at most 3 folds; fewer than 4 sessions are too few
CANDIDATES = ("persistence", "linear")
Floats = NDArray[np.float64]


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

    `firsts` are the first bars of the sessions, ascending; `end` is after the last bar. The newest third of the
    sessions is judged, at least 2 and at most JUDGED. Raises TooLittleHistory below SESSIONS sessions.
    """
    if len(firsts) < SESSIONS:
        raise TooLittleHistory(
            f"{len(firsts)} sessions with forecastable bars are too few to train and to judge, {SESSIONS} are needed: "
            "fetch more history (STOCKML_HISTORY_MONTHS) or hold out fewer sessions"
        )
    judged = min(max(2, len(firsts) // 3), JUDGED)
    parts = np.array_split(np.asarray(firsts[-judged:]), min(FOLDS, judged))
    starts = [int(part[0]) for part in parts]
    return [Fold(first, until) for first, until in zip(starts, [*starts[1:], end], strict=True)]


def metrics(last_close: Floats, target: Floats, predicted: Floats) -> dict[str, float]:
    """Compare predicted with real log returns, all (n,) with n > 0.

    mae is in price, mae_bp in basis points of log return; skill = 1 - mae_bp / mae_bp of persistence; direction is the
    share of moves whose sign was right, left out where none was forecast.
    """
    error, move = np.abs(predicted - target), np.abs(target)
    price = np.abs(last_close * np.exp(predicted) - last_close * np.exp(target))
    found = {"rows": float(len(target)), "mae": float(np.mean(price)), "mae_bp": float(np.mean(error)) * 1e4}
    found["skill"] = 1 - float(np.sum(error) / np.sum(move)) if move.any() else 0.0
    moved = (target != 0) & (predicted != 0)
    if moved.any():
        found["direction"] = float(np.mean(np.sign(target[moved]) == np.sign(predicted[moved])))
    return found


def walked_coverage(errors: Floats, volatility: Floats, fold: NDArray[np.int64]) -> dict[str, float]:
    """Return the intervals' coverage in walk-forward: each fold's widths come from the folds before it, (n,) each.

    The first fold only calibrates; with one fold there is nothing to tell, and the answer is empty.
    """
    told: dict[str, list[float]] = {}
    for number in np.unique(fold)[1:]:
        widths = quantiles(errors[fold < number], volatility[fold < number])
        now = fold == number
        for level, share in coverage(errors[now], volatility[now], widths).items():
            told.setdefault(f"coverage_{level}", []).append(share * float(np.sum(now)))
    judged = float(np.sum(fold > fold.min())) if len(fold) else 0.0
    return {name: sum(shares) / judged for name, shares in told.items()}


def best(mae: dict[str, float]) -> str:
    """Return the candidate with the lowest error; where nothing beats persistence, that is persistence."""
    return min(CANDIDATES, key=lambda name: (mae[name], name != "persistence"))
