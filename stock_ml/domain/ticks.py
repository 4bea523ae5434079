"""Ticks: prices stand on a grid, and so does the forecast that has the least absolute error.

That forecast is the median of the next close (Gneiting 2011, "Making and Evaluating Point Forecasts"). Rounding never
falls, so the median of rounded prices is the rounded median: a move of less than half a tick is none.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TICKS = (0.01, 0.001, 0.0001)  # largest first: a price on a coarse grid is on the finer ones too
_SIZES = np.array(TICKS)[:, None]
NEAR, SINGLE = 1e-3, 1e-7  # of a tick, and of the price: what one in single precision may be away


def tick(price: Floats) -> Floats:
    """Return the largest tick on whose grid each price stands, 0 where it is on none, (n,)."""
    steps = price / _SIZES
    on = np.abs(steps - np.rint(steps)) <= NEAR + SINGLE * steps
    found = np.where(on[2], TICKS[2], 0.0)
    return np.where(on[0], TICKS[0], np.where(on[1], TICKS[1], found))


def snap_to_tick(last_close: Floats, predicted: Floats) -> Floats:
    """Return predicted prices moved onto the grid of the last close, (n,); where that is on none they stay."""
    size = tick(last_close)
    with np.errstate(all="ignore"):
        steps = np.rint((predicted - last_close) / size)
        moved: Floats = np.where(size > 0, np.round(last_close + steps * size, 6), predicted)
    return np.where(steps == 0, last_close, moved)
