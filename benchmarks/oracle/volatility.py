"""What a session's hidden variance is worth guessing before it begins: from the newest earlier session in the bars."""

import numpy as np

from benchmarks.oracle.table import Table
from sandbox.market.market_kinds import FULL


def realised(table: Table) -> np.ndarray:
    """Return each session's variance of one minute's clock, (d,), from its own closes; NaN where it has too few."""
    return np.array([_session_variance(table, i) for i in range(len(table.close))])


def _session_variance(table: Table, i: int) -> float:
    at = np.flatnonzero(np.isfinite(table.close[i]))
    if len(at) < 3:
        return float("nan")
    elapsed = np.nancumsum(table.clock[i])[at]
    noise = table.kind.bounce**2 * table.clock[i, at]
    expected = np.diff(elapsed) + noise[1:] + noise[:-1]
    squares = np.diff(table.close[i, at]) ** 2 - 2 * table.rounding[i, at[1:]] ** 2 / 3
    return max(float(np.mean(squares / expected)), 0.0)


def guesses(table: Table, daily: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each session the guess (d,) and what it is worth (d,), in observed minutes.

    The log variance is a stationary AR(1) around that of the symbol's usual day, `daily` its volatility; a session of n
    minutes shows it with an error of variance 2 / n, and a guess of log variance v is worth 2 / v of them.
    """
    kind, seen = table.kind, realised(table)
    mean = np.log(daily**2 / FULL) - kind.swing**2
    last = np.concatenate([[np.nan], seen[:-1]])
    known = np.isfinite(last) & (last > 0)
    away = np.where(known, np.log(np.where(known, last, 1.0)) - mean, 0.0)
    error = np.where(known, 2 / FULL, 0.0)
    variance = kind.swing**2 * np.where(known, 1 - kind.memory**2, 1.0) + kind.memory**2 * error
    return np.exp(mean + kind.memory * away), 2 / np.maximum(variance, 1e-6)
