"""Errors as counts, from which intervals are calibrated wherever the rows are.

An error is counted by its fold, by the part of the session, and by its size in units of the window's volatility, in
bins whose edges are a thousandth apart: a quantile is within half a thousandth of the exact one. Counts of several
machines add up, and so do folds.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stock_ml.model.conformal import FLAT, LEVELS, PARTS, PRIOR_ROWS, Calibration, scale, session_part

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
WIDTH, SMALLEST, LARGEST = 1e-3, 1e-5, 1e5  # of a bin, as a share; sizes below and above these are counted with them
BINS = math.ceil(math.log(LARGEST / SMALLEST) / WIDTH) + 2
# what is below the smallest size is taken to be none
SIZES = np.append(0.0, SMALLEST * np.exp((np.arange(BINS - 1) + 0.5) * WIDTH))


@dataclass(frozen=True, eq=False)
class ErrorHistogram:
    """Hold by fold and part of the session how many errors have each size (folds, PARTS, BINS), and their total."""

    counts: Counts
    totals: Floats

    @classmethod
    def empty(cls, folds: int) -> "ErrorHistogram":
        """Return the histogram of no errors."""
        return cls(np.zeros((folds, PARTS, BINS), np.int64), np.zeros((folds, PARTS)))

    def add(self, errors: Floats, volatility: Floats, elapsed: Floats, fold: NDArray[np.int64]) -> None:
        """Count errors, log returns, of rows (n,) with the window's volatility and the share of the session passed."""
        size = np.abs(errors) / scale(volatility, elapsed, FLAT)
        cell = fold * PARTS + session_part(elapsed)
        with np.errstate(divide="ignore"):
            place = np.floor(np.log(size / SMALLEST) / WIDTH)
        of_size = np.clip(place, -1, BINS - 2).astype(np.int64) + 1
        np.add.at(self.counts.reshape(-1), cell * BINS + of_size, 1)
        self.totals.reshape(-1)[:] += np.bincount(cell, size, self.totals.size)

    def plus(self, other: "ErrorHistogram") -> "ErrorHistogram":
        """Return the histogram of the errors of both."""
        return ErrorHistogram(self.counts + other.counts, self.totals + other.totals)

    def calibration(self) -> Calibration:
        """Return what intervals are made of, from all errors, as `conformal.calibrate` gives it from them."""
        return _calibration(self.counts.sum(axis=0), self.totals.sum(axis=0))

    def by_fold(self) -> list[Calibration | None]:
        """Return for each fold the calibration by the folds before it, None for the first, and last that of all."""
        return [None, *(self._first(folds).calibration() for folds in range(1, len(self.counts) + 1))]

    def _first(self, folds: int) -> "ErrorHistogram":
        return ErrorHistogram(self.counts[:folds], self.totals[:folds])


def _calibration(counts: Counts, totals: Floats) -> Calibration:
    n = int(counts.sum())
    usual = float(totals.sum()) / n or 1.0
    profile = (totals / usual + PRIOR_ROWS) / (counts.sum(axis=1) + PRIOR_ROWS)
    return Calibration(_quantiles(counts, profile, n), tuple(profile.tolist()))


def _quantiles(counts: Counts, profile: Floats, n: int) -> dict[str, float]:
    part, of_size = np.nonzero(counts)
    scaled = SIZES[of_size] / profile[part]
    order = np.argsort(scaled)
    until = np.cumsum(counts[part, of_size][order])
    ranks = [min(math.ceil((n + 1) * level / 100), n) for level in LEVELS]
    found = scaled[order][np.searchsorted(until, ranks)]
    return {str(level): float(error) for level, error in zip(LEVELS, found, strict=True)}
