"""Least squares and the elastic net from moments, as MLlib's `LinearRegression` defines them.

Columns are divided by their deviation first, and one that does not vary has the coefficient 0.
"""

from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from stock_ml.model.parameters import Parameters
from stock_ml.model.regression.moments import Moments

Floats = NDArray[np.float64]
L1_RATIO = 0.5  # of the elastic net's penalty this share is on absolute values, the rest on squares
ROUNDS, NEAR = 10_000, 1e-14  # of coordinate descent; how little the last one changes


def least_squares(moments: Moments) -> Parameters:
    """Return the line that fits rows of k features and their target, whose moments these are, in that order.

    Where features are tied to each other it is the shortest of the best lines.
    """
    correlation, with_target = _correlations(moments)
    weights = np.linalg.lstsq(correlation, with_target, rcond=None)[0]
    return _unscaled(moments, weights.astype(np.float64))


def elastic_net(moments: Moments) -> Parameters:
    """Return the line of the elastic net (Zou and Hastie 2005), which leaves out what chance alone could give.

    It minimises half the mean squared error plus `noise` times a penalty, by coordinate descent on the correlations
    (Friedman, Hastie and Tibshirani 2010, "Regularization paths for generalized linear models").
    """
    correlation, with_target = _correlations(moments)
    n, deviation = moments.n, float(moments.deviation[-1])
    by_chance = noise(deviation * sqrt(n / max(n - 1, 1)), len(with_target), n)
    penalty = by_chance / L1_RATIO / deviation if deviation else 0.0
    return _unscaled(moments, _descend(correlation, with_target, penalty * L1_RATIO, penalty * (1 - L1_RATIO)))


def noise(deviation: float, features: int, n: float) -> float:
    """Return how large the covariance of noise with the best of k features of deviation 1 is by chance.

    The universal threshold of Donoho and Johnstone (1994), sigma sqrt(2 ln k / n), in units of the target, whose
    deviation in a sample of n is given: it comes from the training rows alone, and nothing is tuned.
    """
    return deviation * sqrt(2 * log(features) / n)


def _correlations(moments: Moments) -> tuple[Floats, Floats]:
    """Return the features' correlations (k, k), and those with the target (k,); 0 for what does not vary."""
    deviation = moments.deviation
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    found = moments.scatter / moments.n * np.outer(inverse, inverse)
    return found[:-1, :-1], found[:-1, -1]


def _unscaled(moments: Moments, weights: Floats) -> Parameters:
    deviation = moments.deviation
    features, target = deviation[:-1], deviation[-1]
    coefficients = np.divide(weights * target, features, out=np.zeros_like(weights), where=features > 0)
    intercept = float(moments.mean[-1] - moments.mean[:-1] @ coefficients)
    return Parameters(tuple(coefficients.tolist()), intercept)


def _descend(correlation: Floats, with_target: Floats, absolute: float, square: float) -> Floats:
    """Return the weights, (k,), that no step along one of them improves."""
    weights = np.zeros(len(with_target))
    for _ in range(ROUNDS):
        before = weights.copy()
        for j in np.flatnonzero(np.diagonal(correlation)):
            without = with_target[j] - correlation[j] @ weights + correlation[j, j] * weights[j]
            weights[j] = np.sign(without) * max(abs(without) - absolute, 0.0) / (correlation[j, j] + square)
        if np.abs(weights - before).max(initial=0.0) <= NEAR:
            break
    return weights
