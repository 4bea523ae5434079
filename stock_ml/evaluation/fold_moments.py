"""The moments of each fold's training rows, and sums over them, from one pass over all rows.

Rows are counted once, by the interval between sessions' first bars that they stand in and the one in which their
target is known. A fold trains on whole intervals, so its moments are those of some of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.evaluation.folds import Fold, in_training, known_at
from stock_ml.model.regression import huber
from stock_ml.model.regression.moments import Moments, merge, total

Floats = NDArray[np.float64]
Interval = tuple[int, int]  # where bar_ts stands among the bounds, and the first bound at which the target is known
IntervalMoments = dict[Interval, Moments]


class Rows(NamedTuple):
    """Name what a pass reads of each row: the features in their order, and how many minutes ahead the target is."""

    names: Sequence[str]
    horizon: int

    @property
    def columns(self) -> list[str]:
        """Return the columns that a pass reads."""
        return ["bar_ts", *self.names, "target"]

    def matrix(self, frame: pd.DataFrame) -> Floats:
        """Return features and target of rows, (n, k + 1)."""
        found: Floats = frame[[*self.names, "target"]].to_numpy(np.float64)
        return found


def bounds(folds: Sequence[Fold]) -> NDArray[np.int64]:
    """Return all times at which a fold's training rows begin or end, ascending."""
    return np.unique([time for fold in folds for time in (fold.since, fold.first)])


def interval_moments(batches: Iterable[pd.DataFrame], rows: Rows, times: NDArray[np.int64]) -> IntervalMoments:
    """Return the moments of rows by interval; `times` are as from `bounds`."""
    found: IntervalMoments = {}
    for frame in batches:
        ts, matrix = frame["bar_ts"].to_numpy(np.int64), rows.matrix(frame)
        at, known = np.searchsorted(times, ts, "right") - 1, np.searchsorted(times, known_at(ts, rows.horizon), "left")
        inside = (at >= 0) & (known < len(times))
        for interval in sorted(set(zip(at[inside].tolist(), known[inside].tolist(), strict=True))):
            own = Moments.of(matrix[(at == interval[0]) & (known == interval[1])])
            found[interval] = merge(found[interval], own) if interval in found else own
    return found


def merge_all(parts: Iterable[IntervalMoments]) -> IntervalMoments:
    """Return the moments of all parts, by interval."""
    of_interval: defaultdict[Interval, list[Moments]] = defaultdict(list)
    for part in parts:
        for interval, moments in part.items():
            of_interval[interval].append(moments)
    return {interval: total(moments) for interval, moments in sorted(of_interval.items())}


def fold_moments(found: Mapping[Interval, Moments], times: NDArray[np.int64], fold: Fold) -> Moments:
    """Return the moments of a fold's training rows."""
    since, first = np.searchsorted(times, [fold.since, fold.first])
    return total(moments for (at, known), moments in found.items() if at >= since and known <= first)


def huber_sums(
    batches: Iterable[pd.DataFrame],
    rows: Rows,
    standard: huber.Standard,
    guesses: Sequence[tuple[Fold, huber.Guess]],
) -> Iterator[list[huber.Sums]]:
    """Yield for each batch the sums of each guess over its fold's training rows."""
    for frame in batches:
        ts, matrix = frame["bar_ts"].to_numpy(np.int64), rows.matrix(frame)
        features, target = standard.columns(matrix[:, :-1], matrix[:, -1])
        masks = (in_training(ts, fold, rows.horizon) for fold, _ in guesses)
        yield [huber.sums(features[mask], target[mask], guess) for mask, (_, guess) in zip(masks, guesses, strict=True)]


def add_sums(parts: Iterable[list[huber.Sums]]) -> list[huber.Sums]:
    """Return each guess's sums over all batches, of which there is at least one."""
    whole: list[huber.Sums] = []
    for part in parts:
        whole = [one.plus(other) for one, other in zip(whole, part, strict=True)] if whole else part
    return whole
