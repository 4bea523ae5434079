"""Huber's regression with concomitant scale, for many windows of sessions in the same few passes over the rows.

It minimises the sum over rows of s + s H(r / s) over a line and its scale s > 0, where r is what the line misses and
H(z) is z squared up to EPSILON, 2 EPSILON |z| - EPSILON squared beyond (Owen 2007, "A robust hybrid of lasso and ridge
regression"; so does MLlib's `LinearRegression`). Rows up to EPSILON s are near, others far. As long as no row changes
sides the loss is a quadratic in line and scale, whose minimum one solution of linear equations gives. So a pass over
the rows gives sums, the sums the next line, and the lines soon stay: Newton's method, which ends exactly. A step that
makes the loss larger is halved.

Numbers are in deviations of the columns: `Standard`.
"""

from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.model.parameters import Parameters
from stock_ml.model.regression.least_squares import least_squares
from stock_ml.model.regression.moments import Moments

Floats = NDArray[np.float64]
EPSILON = 1.05  # close to absolute error, the metric
NEAR = 1e-9  # how little of its deviation the last step may move a weight or the scale
SMALLEST = 1e-4  # scale: where a tenth of all targets is met exactly the loss has its minimum at none
MAX_STEPS = 60


class Standard(NamedTuple):
    """Move and scale columns: mean and deviation of features and target, (k + 1,), 1 where one does not vary."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, moments: Moments) -> "Standard":
        """Return what the columns of these moments are measured by."""
        return cls(moments.mean, np.where(moments.deviation > 0, moments.deviation, 1.0))

    def columns(self, features: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Return features (n, k) with a column of ones before them, and the target (n,), in deviations."""
        scaled = (features - self.mean[:-1]) / self.deviation[:-1]
        return np.column_stack([np.ones(len(scaled)), scaled]), (target - self.mean[-1]) / self.deviation[-1]


class Guess(NamedTuple):
    """Hold the weights of the ones and of each feature, (k + 1,), and the scale."""

    weights: Floats
    scale: float


class Sums(NamedTuple):
    """Hold what a pass tells of a guess: sums over the near rows, and over the far ones by their side, -1 or 1.

    `near` is X'X (m, m), `near_target` X'y (m,), `near_square` y'y; `far` is X's (m,), `far_target` s'y.
    """

    n: float
    far_n: float
    near: Floats
    near_target: Floats
    near_square: float
    far: Floats
    far_target: float

    def plus(self, other: "Sums") -> "Sums":
        """Return the sums over the rows of both."""
        return Sums(
            self.n + other.n,
            self.far_n + other.far_n,
            self.near + other.near,
            self.near_target + other.near_target,
            self.near_square + other.near_square,
            self.far + other.far,
            self.far_target + other.far_target,
        )


def sums(features: Floats, target: Floats, guess: Guess) -> Sums:
    """Return the sums over rows in deviations: features (n, k + 1), target (n,)."""
    missed = target - features @ guess.weights
    is_near = np.abs(missed) <= EPSILON * guess.scale
    near, near_target = features[is_near], target[is_near]
    side = np.where(is_near, 0.0, np.sign(missed))
    return Sums(
        float(len(target)),
        float(len(target) - len(near)),
        near.T @ near,
        near.T @ near_target,
        float(near_target @ near_target),
        features.T @ side,
        float(side @ target),
    )


def loss(found: Sums, guess: Guess) -> float:
    """Return the loss of the guess that the sums were found with, the mean over the rows."""
    weights, scale = guess
    square = float(found.near_square - 2 * weights @ found.near_target + weights @ found.near @ weights)
    far = float(found.far_target - weights @ found.far)
    whole = found.n * scale + max(square, 0.0) / scale + 2 * EPSILON * far - EPSILON**2 * scale * found.far_n
    return float(whole / found.n)


def step(found: Sums, guess: Guess) -> Guess:
    """Return the minimum of the loss if every row stayed on its side."""
    to_near, to_far = np.linalg.lstsq(found.near, np.column_stack([found.near_target, found.far]), rcond=None)[0].T
    pull = EPSILON * to_far
    square = max(float(found.near_square - to_near @ found.near_target), 0.0)
    rest = float(found.n - EPSILON**2 * found.far_n - pull @ found.near @ pull)
    scale = sqrt(square / rest) if rest > 0 else guess.scale / 2
    # far from the minimum the quadratic says little of a scale several times as large or small
    scale = max(min(scale, 4 * guess.scale), guess.scale / 4, SMALLEST)
    return Guess(to_near + scale * pull, scale)


@dataclass
class Search:
    """Search a window's line: give `guess` to a pass, and the pass's sums to `take`, until it is `done`."""

    standard: Standard
    guess: Guess
    best: Guess | None = None
    least: float = inf
    done: bool = False
    steps: int = 0

    @classmethod
    def of(cls, moments: Moments, standard: Standard) -> "Search":
        """Start at the least-squares line of the window that has these moments."""
        mean, deviation = standard
        line = np.array(least_squares(moments).coefficients)
        middle = moments.mean - mean
        missed = (middle[-1] - middle[:-1] @ line) / deviation[-1]
        start = Guess(np.concatenate([[missed], line * deviation[:-1] / deviation[-1]]), 1.0)
        return cls(standard, start, done=not moments.deviation[-1] > 0)

    def take(self, found: Sums) -> None:
        """Move on by the sums of a pass with `guess`."""
        self.steps += 1
        reached = loss(found, self.guess)
        if self.best is not None and reached > self.least + 1e-14 * abs(self.least):
            self._move(_between(self.best, self.guess), self.best)
        else:
            self.best, self.least = self.guess, reached
            self._move(step(found, self.guess), self.guess)

    def _move(self, to: Guess, since: Guess) -> None:
        moved = max(float(np.abs(to.weights - since.weights).max()), abs(to.scale - since.scale))
        self.guess, self.done = to, moved <= NEAR or self.steps >= MAX_STEPS

    def line(self) -> Parameters:
        """Return the best line so far, in units of the columns."""
        weights = (self.best or self.guess).weights
        coefficients = weights[1:] * self.standard.deviation[-1] / self.standard.deviation[:-1]
        middle = self.standard.mean[-1] + weights[0] * self.standard.deviation[-1]
        return Parameters(tuple(coefficients.tolist()), float(middle - self.standard.mean[:-1] @ coefficients))


def _between(one: Guess, other: Guess) -> Guess:
    return Guess((one.weights + other.weights) / 2, (one.scale + other.scale) / 2)
