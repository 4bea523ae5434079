"""Intervals: how far a close may fall from its forecast, by split conformal prediction scaled with volatility.

Errors are divided by the window's volatility, their quantiles taken with the finite-sample rank ceil((n + 1) p)
(Lei et al. 2018, "Distribution-free predictive inference for regression"), and multiplied back at the forecast.
"""

import math

import numpy as np
from numpy.typing import NDArray

LEVELS = (50, 90, 99)
FLOOR = 1e-5  # a tenth of a basis point a minute: a flat window must not promise an interval of no width


def scale(volatility: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the size that errors are measured in, (n,), always positive."""
    return np.sqrt(volatility * volatility + FLOOR * FLOOR)


def quantiles(errors: np.ndarray, volatility: np.ndarray) -> dict[str, float]:
    """Return for each level the scaled absolute error that it covers; `errors` are log returns, (n,) with n > 0.

    Where n is too small for a level's rank, the largest error stands for it.
    """
    ordered = np.sort(np.abs(errors) / scale(volatility))
    n = len(ordered)
    return {str(p): float(ordered[min(math.ceil((n + 1) * p / 100), n) - 1]) for p in LEVELS}


def coverage(errors: np.ndarray, volatility: np.ndarray, widths: dict[str, float]) -> dict[str, float]:
    """Return for each level the share of errors that its interval covers."""
    scaled = np.abs(errors) / scale(volatility)
    return {level: float(np.mean(scaled <= width)) for level, width in widths.items()}
