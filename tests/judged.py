"""Judge made-up forecasts as a training does, by passes over frames instead of Spark's partitions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from stock_ml.evaluation.folds import FOREVER, Fold
from stock_ml.evaluation.judging import HELD_OUT, Judge, Step
from stock_ml.model.parameters import Parameters
from stock_ml.training.walk_forward import WalkForwardResult, judge_losses

Found = TypeVar("Found")
AS_GIVEN = {"linear": Parameters((1.0,), 0.0)}  # the column `linear` is what is forecast


@dataclass(frozen=True)
class FramePasses:
    """Give frames, each a partition, to a function in batches."""

    frames: Sequence[pd.DataFrame]
    size: int = 1000

    def __call__(
        self, columns: Sequence[str], function: Callable[[Iterator[pd.DataFrame]], Iterable[Found]]
    ) -> list[Found]:
        """Return all that the function yields."""
        return [found for frame in self.frames for found in function(self._batches(frame[list(columns)]))]

    def _batches(self, frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
        yield from (frame.iloc[at : at + self.size] for at in range(0, len(frame), self.size))


def judge_of(predictions: pd.DataFrame, end: int) -> Judge:
    """Return who judges rows by their column `fold`, and those from `end` on as held out."""
    starts = predictions.groupby("fold")["bar_ts"].min().tolist()
    untils = [*starts[1:], end]
    folds = [Fold(0, first, until) for first, until in zip(starts, untils, strict=True)]
    steps = [Step(number, fold, AS_GIVEN) for number, fold in enumerate(folds)]
    return Judge(("linear",), [*steps, Step(HELD_OUT, Fold(0, end, FOREVER), AS_GIVEN)])


def passes(*frames: pd.DataFrame) -> FramePasses:
    """Return passes over all rows, a partition for each half of the symbols."""
    rows = pd.concat([frame for frame in frames if len(frame)]).sort_values(["symbol", "bar_ts"], ignore_index=True)
    names = np.array_split(rows["symbol"].unique(), 2)
    return FramePasses([part for half in names if len(part := rows[rows["symbol"].isin(list(half))])])


def judged(predictions: pd.DataFrame, test: pd.DataFrame, end: int) -> WalkForwardResult:
    """Return the losses of forecasts: frames of `judging.COLUMNS`, `linear`, and of predictions `fold`."""
    judge = judge_of(predictions, end)
    evaluated = passes(predictions, test)
    losses, ticks = judge_losses(evaluated, judge)
    return WalkForwardResult(judge, losses, ticks, pd.DataFrame(), end, evaluated)
