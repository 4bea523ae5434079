"""The bar of the minute that is not over: what has been seen of it."""

import numpy as np

from sandbox.market import Day
from stock_ml.domain.bars import MINUTE


def forming(day: Day, now: float, decimals: int) -> Day:
    """Replace a last bar that is not over at `now` by what has been seen of it."""
    if not len(day.ts) or day.ts[-1] + MINUTE <= now:
        return day
    share = (now - float(day.ts[-1])) / MINUTE
    first, high, low, last, volume = day.values[-1]
    close = round(first + share * (last - first), decimals)
    seen = [first, min(high, max(first, close)), max(low, min(first, close)), close, np.ceil(share * volume)]
    return Day(day.ts, np.vstack([day.values[:-1], seen]))
