"""Markets for tests, and bars of theirs."""

from dataclasses import replace

import numpy as np

from local.sandbox.market import KINDS, Day, Market
from stock_ml.sessions import sessions

XNYS = sessions("XNYS")
FIVE = ("GOOGL", "AAPL", "AMZN", "MSFT", "NVDA")
REALISTIC, WALK, STRONG = (Market(7, XNYS, KINDS[name]) for name in ("realistic", "random_walk", "strong"))
# nothing but a Gaussian walk and a Gaussian bounce
PLAIN = Market(7, XNYS, replace(KINDS["strong"], decimals=9, swing=0, unrest=0, curve=0, silence=0, halts=0))


def session_of(date: str) -> int:
    """Return the number of the session of a day, or of the next one."""
    return int(np.searchsorted(XNYS.dates, np.datetime64(date)))


FIRST = session_of("2024-01-02")


def targets(bars: Day) -> np.ndarray:
    """Return for each bar the last trade a minute later, (n,); NaN across the close and where a hole begins."""
    index, number, close = XNYS.index(bars.ts), XNYS.number(bars.ts), bars.values[:, 3]
    gap = np.append(np.diff(index), 10**6)
    within = np.append(number[1:] == number[:-1], False) & (gap <= 16)
    return np.where(within, np.where(gap == 1, np.append(close[1:], 0.0), close), np.nan)


def skill(bars: Day, forecast: np.ndarray) -> float:
    """Return 1 - MAE / MAE(persistence) over all bars with forecast and target."""
    close, target = bars.values[:, 3], targets(bars)
    known = np.isfinite(forecast) & np.isfinite(target)
    return float(1 - np.abs(target - forecast)[known].sum() / np.abs(target - close)[known].sum())
