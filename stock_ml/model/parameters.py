"""The parameters of a fitted model, whatever its recipe."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.model.trees import Forest, Tree

Floats = NDArray[np.float64]


class Parameters(NamedTuple):
    """Hold what a model forecasts with: intercept + sum of coefficient times feature + sum of the trees."""

    coefficients: tuple[float, ...]
    intercept: float
    trees: tuple[Tree, ...] = ()

    def predict(self, features: Floats) -> Floats:
        """Return the forecasts of features (n, k), log returns (n,)."""
        forecast: Floats = features @ np.array(self.coefficients) + self.intercept
        return forecast + Forest.of(self.trees).total(features) if self.trees else forecast
