"""Ticks: prices stand on a grid, and so does the forecast that has the least absolute error.

That forecast is the median of the next close (Gneiting 2011, "Making and Evaluating Point Forecasts"). Rounding never
falls, so the median of rounded prices is the rounded median: a move of less than half a tick is none.

A tick belongs to a symbol and is learned from its earlier closes. One close says little: between a tenth and half of
all closes of American stocks stand between two cents, as some trades improve on the quoted price.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TICKS = (0.01, 0.001, 0.0001)  # largest first: a price on a coarse grid is on the finer ones too
_SIZES = np.array(TICKS)[:, None]
NEAR, SINGLE = 1e-3, 1e-7  # of a tick, and of the price: what one in single precision may be away
DECADES = (100.0, 10.0, 1.0, 0.1, *TICKS, 1e-5)  # largest first
COARSER = (5.0, 2.0)  # times a decade: ticks of 0.05, 0.2 …
MOST, NEARLY_ALL = 0.5, 0.9  # shares of closes on the grid
PLACES = 10  # on the grid that must have been seen
RECENT = 5_000  # closes: two weeks


def tick(price: Floats) -> Floats:
    """Return the largest tick on whose grid each price stands, 0 where it is on none, (n,)."""
    steps = price / _SIZES
    on = np.abs(steps - np.rint(steps)) <= NEAR + SINGLE * steps
    found = np.where(on[2], TICKS[2], 0.0)
    return np.where(on[0], TICKS[0], np.where(on[1], TICKS[1], found))


def symbol_tick(closes: Floats) -> float:
    """Return the tick of a symbol with these closes, (n,): the largest on whose grid most of them stand, 0 for none.

    So is it where too few places of the grid were seen: a price that hardly moves stands on coarse grids too.
    """
    for size in DECADES:
        on = _on_grid(closes, size)
        if len(on) and on.mean() > MOST:
            if len(np.unique(closes[on])) < PLACES:
                return 0.0
            coarser = [size * times for times in COARSER if _on_grid(closes[on], size * times).mean() > NEARLY_ALL]
            return float(max(coarser, default=size))
    return 0.0


class TickTable(NamedTuple):
    """Hold symbols, sorted, and the tick of each, (n,) both."""

    names: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, known: Mapping[str, float]) -> "TickTable":
        """Return a table of ticks by symbol."""
        names = sorted(known)
        return cls(np.array(names, dtype=str), np.array([known[name] for name in names], dtype=np.float64))

    def look_up(self, symbols: np.ndarray) -> Floats:
        """Return each symbol's tick, 0 where it is not known, (n,)."""
        if len(self.names) == 0:
            return np.zeros(len(symbols))
        at = np.minimum(np.searchsorted(self.names, symbols), len(self.names) - 1)
        return np.where(self.names[at] == symbols, self.sizes[at], 0.0)


def _on_grid(closes: Floats, size: float) -> np.ndarray:
    """Say which closes stand on a grid, (n,); none do where single precision could not tell."""
    steps = closes / size
    return np.asarray((np.abs(steps - np.rint(steps)) <= NEAR + SINGLE * steps) & (SINGLE * steps < 0.1))


def snap_to_tick(last_close: Floats, predicted: Floats, size: Floats | None = None) -> Floats:
    """Return predicted prices moved onto their symbol's grid, (n,); a move of less than half a tick is none.

    `size` has the ticks, (n,). Where it is 0 or not given the grid is that of the last close; where that is on none
    they stay.
    """
    own = tick(last_close)
    size = own if size is None else np.where(size > 0, size, own)
    with np.errstate(all="ignore"):
        steps = np.rint((predicted - last_close) / size)
        # a last close between two ticks is no place for others to stand
        base = np.where(size > own, np.rint(last_close / size) * size, last_close)
        moved: Floats = np.where(size > 0, np.round(base + np.rint((predicted - base) / size) * size, 6), predicted)
    return np.where(steps == 0, last_close, moved)
