"""The Diebold-Mariano test that one forecast is better than another, on one loss a session."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

MIN_TEST_SESSIONS = 5  # sessions: with fewer, the test of Diebold and Mariano knows almost nothing of their spread
Floats = NDArray[np.float64]


def diebold_mariano_p_value(gain: Floats) -> float:
    """Return the one-sided p-value of `gain` (n,), loss of the one minus loss of the other, a session each.

    The test of Diebold and Mariano (1995) with the variance of Newey and West (1987), Bartlett weights up to the lag
    3/4 n^(1/3) (Stock and Watson, "Introduction to Econometrics", 15.4), and the small-sample correction and t
    distribution of Harvey, Leybourne and Newbold (1997). Symbols move together, hence sessions are counted and not
    rows. Without variance there is no evidence: then it is 1.
    """
    n = len(gain)
    if n < 2:
        return 1.0
    lags = int(0.75 * n ** (1 / 3))
    variance = long_run_variance(gain, lags)
    if variance <= 0:
        return 1.0
    steps = lags + 1
    shrink = max(n + 1 - 2 * steps + steps * (steps - 1) / n, 0.0) / n
    from scipy.stats import t  # takes half a second, and most importers do not test

    return float(t.sf(float(np.mean(gain)) / sqrt(variance / n) * sqrt(shrink), n - 1))


def long_run_variance(x: Floats, lags: int) -> float:
    """Return the variance of the mean times n, with Bartlett weights for up to `lags` autocovariances."""
    deviation = x - np.mean(x)
    n = len(x)
    total = float(np.dot(deviation, deviation)) / n
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(np.dot(deviation[lag:], deviation[:-lag])) / n
    return total
