"""Minutes that are shown with other values at first, as by a feed that recomputes its bars."""

import numpy as np

from sandbox.market import Day
from sandbox.market.random_streams import stream
from stock_ml.domain.bars import MINUTE

LONGEST = 2  # minutes until the true values are shown


def first_shown(day: Day, symbol: str, now: float, seed: int, share: float) -> Day:
    """Return a day's bars as they are shown at `now`: a share of the minutes has other values for a minute or two.

    They lack a part of the volume, and close in the middle between the open and the true close, to the cent.
    """
    if not share:
        return day
    values = day.values.copy()
    over = (day.ts + MINUTE <= now) & (now < day.ts + (1 + LONGEST) * MINUTE)
    for place in np.flatnonzero(over).tolist():
        ts = int(day.ts[place])
        is_other, minutes, part = stream(seed, "correction", symbol, ts // MINUTE).random(3).tolist()
        if is_other < share and now < ts + MINUTE * (1 + (1 if minutes < 0.5 else LONGEST)):
            values[place] = _part_of(values[place], part)
    return Day(day.ts, values)


def _part_of(bar: np.ndarray, part: float) -> np.ndarray:
    opened, high, low, close, volume = bar.tolist()
    middle = min(max(round((opened + close) / 2, 2), low), high)
    return np.array([opened, high, low, middle, np.floor(volume * (0.5 + part / 2))])
