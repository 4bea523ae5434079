"""Calibration by all errors at once, as its definition says: what counts give is held against it."""

import math

import numpy as np

from stock_ml.model.conformal import LEVELS, Calibration, Floats, profile, scale


def calibrate(errors: Floats, volatility: Floats, elapsed: Floats) -> Calibration:
    """Return what intervals are made of, from errors out of sample, log returns, (n,) each with n > 0."""
    shape = profile(errors, volatility, elapsed)
    return Calibration(quantiles(errors, scale(volatility, elapsed, shape)), shape)


def quantiles(errors: Floats, size: Floats) -> dict[str, float]:
    """Return for each level the scaled absolute error that it covers; `errors` are log returns, (n,) with n > 0.

    Where n is too small for a level's rank, the largest error stands for it.
    """
    ordered = np.sort(np.abs(errors) / size)
    n = len(ordered)
    return {str(p): float(ordered[min(math.ceil((n + 1) * p / 100), n) - 1]) for p in LEVELS}
