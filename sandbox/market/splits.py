"""Splits: from a day on, a symbol's raw prices are divided by a ratio, and its volumes multiplied."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.market.random_streams import stream

RATIOS = (2, 2, 2, 3, 4)
SOONEST, MEAN = 730, 1460  # days between two splits: at least, and how many more on average
MANY = 100  # drawn at once, which is centuries


@dataclass(frozen=True, eq=False)
class Splits:
    """Hold the days (k,) from which on prices are divided, counted as in `days`, and by what, ascending."""

    days: np.ndarray
    ratios: np.ndarray

    def ramp(self, n: int) -> np.ndarray:
        """Return what splits do to the log price of the first n days: it rises until one comes, and falls by its ratio.

        The rise between two splits makes up for them, so that prices stay in a stock's range for decades.
        """
        half = np.log(self.ratios) / 2
        at, heights = np.column_stack([self.days - 1, self.days]).ravel(), np.column_stack([half, -half]).ravel()
        return np.asarray(np.interp(np.arange(n), [0, *at], [0.0, *heights]))

    def factor(self, day: int, now: int) -> int:
        """Return by what the prices of a day are divided to be comparable with those of the day `now`."""
        between = (self.days > day) & (self.days <= now)
        return int(np.prod(self.ratios[between]))


@lru_cache(maxsize=256)
def splits(seed: int, symbol: str) -> Splits:
    """Draw the splits of a symbol, centuries of them."""
    random = stream(seed, "splits", symbol)
    waits = SOONEST + random.exponential(MEAN, size=MANY).astype(np.int64)
    return Splits(np.cumsum(waits) - int(random.integers(SOONEST // 2)), random.choice(RATIOS, size=MANY))
