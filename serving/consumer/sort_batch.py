"""Sort a batch: what of it is new, and which symbols' bars came in order."""

import numpy as np

from serving.common.bar_batch import Arrived
from serving.consumer.ring_buffers import Rings


def new(rings: Rings, bars: Arrived) -> Arrived:
    """Leave out bars, given symbol by symbol, that are known, and the second one of two in a row for one minute."""
    newest, _ = rings.newest(bars.slot)
    again = np.flatnonzero(bars.ts <= newest)
    drop = np.zeros(len(bars), dtype=bool)
    drop[again] = rings.holds(bars.slot[again], bars.ts[again])
    drop[1:] |= (bars.slot[1:] == bars.slot[:-1]) & (bars.ts[1:] == bars.ts[:-1])
    return bars.pick(~drop) if drop.any() else bars


def in_order(rings: Rings, bars: Arrived) -> np.ndarray:
    """Say of each bar, given symbol by symbol, whether all of its symbol's came in order, newer than what is known."""
    newest, _ = rings.newest(bars.slot)
    before = np.where(bars.first(), newest, np.concatenate([newest[:1], bars.ts[:-1]]))
    return ~np.isin(bars.slot, bars.slot[bars.ts <= before])
