"""Markets for tests, and bars of theirs."""

from dataclasses import replace

import numpy as np

from benchmarks.oracle import skill as judging
from sandbox.market import KINDS, Day, Market
from stock_ml.domain.calendar import sessions

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
    """Return the last trade a minute after each bar, (n,)."""
    return judging.targets(XNYS, bars)


def skill(bars: Day, forecast: np.ndarray) -> float:
    """Return 1 - MAE / MAE(persistence), in basis points."""
    return judging.skill(XNYS, bars, forecast)
