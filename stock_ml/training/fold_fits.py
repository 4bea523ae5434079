"""Fit every fold's model in the same few passes over the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from stock_ml.evaluation.fold_moments import (
    IntervalMoments,
    Rows,
    add_sums,
    bounds,
    fold_moments,
    huber_sums,
    interval_moments,
    merge_all,
)
from stock_ml.evaluation.folds import Fold
from stock_ml.evaluation.judging import Passes
from stock_ml.model.parameters import Parameters
from stock_ml.model.regression import huber
from stock_ml.model.regression.least_squares import elastic_net, least_squares
from stock_ml.model.regression.moments import Moments, total

FROM_MOMENTS = {"linear": least_squares, "elastic": elastic_net}


@dataclass(frozen=True)
class FoldFits:
    """Fit recipes on each fold's training rows, by passes over all rows."""

    passes: Passes
    names: Sequence[str]
    horizon: int
    folds: Sequence[Fold]

    def fit(self, recipes: Sequence[str]) -> dict[str, list[Parameters]]:
        """Return of each recipe that needs no MLlib the parameters of each fold."""
        moments = self._moments()
        found = {recipe: [FROM_MOMENTS[recipe](one) for one in moments] for recipe in recipes if recipe in FROM_MOMENTS}
        return found | ({"huber": self._huber(moments)} if "huber" in recipes else {})

    @property
    def _read(self) -> Rows:
        return Rows(self.names, self.horizon)

    def _moments(self) -> list[Moments]:
        read, times = self._read, bounds(self.folds)

        def of_partition(batches: Iterator[pd.DataFrame]) -> Iterator[IntervalMoments]:
            yield interval_moments(batches, read, times)

        found = merge_all(self.passes(read.columns, of_partition))
        return [fold_moments(found, times, fold) for fold in self.folds]

    def _huber(self, moments: Sequence[Moments]) -> list[Parameters]:
        """Return Huber's line of each fold: a pass over the rows takes all searches a step further."""
        standard = huber.Standard.of(total(moments))
        searches = [huber.Search.of(one, standard) for one in moments]
        while active := [number for number, search in enumerate(searches) if not search.done]:
            guesses = [(self.folds[number], searches[number].guess) for number in active]
            for number, found in zip(active, self._pass(standard, guesses), strict=True):
                searches[number].take(found)
        return [search.line() for search in searches]

    def _pass(self, standard: huber.Standard, guesses: Sequence[tuple[Fold, huber.Guess]]) -> list[huber.Sums]:
        read = self._read

        def of_partition(batches: Iterator[pd.DataFrame]) -> Iterator[list[huber.Sums]]:
            if found := add_sums(huber_sums(batches, read, standard, guesses)):
                yield found

        return add_sums(self.passes(read.columns, of_partition))
