"""How good a forecast of the next close is: its mean absolute error beside that of the last price."""

import numpy as np

from sandbox.market import Day
from stock_ml.domain.calendar import Sessions

LONGEST = 15  # minutes of a hole that is no trade; in a longer one there is no target


def targets(sessions: Sessions, bars: Day) -> np.ndarray:
    """Return for each bar (n,) of regular hours, ascending, the last trade a minute later; NaN where there is none.

    In a minute without a trade that is the bar's own close. None across the close, nor at the start of a long hole.
    """
    found = np.full(len(bars.ts), np.nan)
    index, number, close = sessions.index(bars.ts), sessions.number(bars.ts), bars.values[:, 3]
    steps = np.diff(index)
    present = (number[1:] == number[:-1]) & (steps <= LONGEST + 1)
    found[:-1] = np.where(present, np.where(steps == 1, close[1:], close[:-1]), np.nan)
    return found


def errors(sessions: Sessions, bars: Day, forecast: np.ndarray) -> np.ndarray:
    """Return absolute errors in basis points of the last price, of the forecast and of the last price, (k, 2)."""
    close, target = bars.values[:, 3], targets(sessions, bars)
    both = 1e4 * np.abs(np.column_stack([forecast, close]) - target[:, None]) / close[:, None]
    return np.asarray(both[np.isfinite(both).all(axis=1)])


def skill(sessions: Sessions, bars: Day, forecast: np.ndarray) -> float:
    """Return 1 - MAE / MAE(persistence)."""
    ours, last = errors(sessions, bars, forecast).mean(axis=0)
    return float(1 - ours / last)
