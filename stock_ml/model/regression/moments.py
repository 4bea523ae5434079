"""Moments of rows: all that least squares needs to know of them.

They are centred, and two sets of rows merge as in Chan, Golub and LeVeque (1983), "Algorithms for computing the sample
variance": no digits are lost where means are large beside deviations.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Moments(NamedTuple):
    """Hold of rows (n, m): how many there are, the mean (m,), and the sum of products of deviations from it (m, m)."""

    n: float
    mean: Floats
    scatter: Floats

    @classmethod
    def of(cls, rows: Floats) -> "Moments":
        """Return the moments of rows (n, m) with n > 0."""
        mean = rows.mean(axis=0)
        deviation = rows - mean
        return cls(float(len(rows)), mean, deviation.T @ deviation)

    @property
    def deviation(self) -> Floats:
        """Return the standard deviation of each column, (m,), 0 where a column is constant."""
        spread = np.sqrt(np.diagonal(self.scatter) / self.n)
        # what is left of a constant column is the rounding of its mean
        return np.where(spread > np.abs(self.mean) * 1e-14, spread, 0.0)


def merge(one: Moments, other: Moments) -> Moments:
    """Return the moments of the rows of both."""
    n, apart = one.n + other.n, other.mean - one.mean
    scatter = one.scatter + other.scatter + np.outer(apart, apart) * (one.n * other.n / n)
    return Moments(n, one.mean + apart * (other.n / n), scatter)


def total(parts: Iterable[Moments]) -> Moments:
    """Return the moments of the rows of all parts, of which there is at least one."""
    return reduce(merge, parts)
