"""The newest received bars of every symbol, as the rule of outliers needs them."""

import numpy as np

from serving.common.decode_bars import FIELDS, BarBatch
from serving.consumer.ring_buffers import NONE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.outliers import MEMORY, NEAREST, is_calm, outliers

HIGH, LOW, CLOSE = (FIELDS.index(name) for name in ("high", "low", "close"))


class RecentBars:
    """Keep MEMORY received bars a symbol, outliers among them, oldest overwritten first.

    By slot, (S, MEMORY): `ts` in UTC epoch seconds and `outlier`; `prices` (4, S, MEMORY), open to close; `count`
    (S,) of all appended.
    """

    def __init__(self, symbols: int) -> None:
        self.ts = np.full((symbols, MEMORY), NONE, dtype=np.int64)
        self.prices = np.ones((4, symbols, MEMORY))
        self.outlier = np.zeros((symbols, MEMORY), dtype=bool)
        self.count = np.zeros(symbols, dtype=np.int64)

    def clear(self, slots: np.ndarray) -> None:
        """Drop what is known of some symbols."""
        self.count[slots], self.ts[slots], self.outlier[slots] = 0, NONE, False

    def newest(self, slots: np.ndarray) -> np.ndarray:
        """Return the newest minute of each symbol, NONE where there is none, (n,)."""
        return np.asarray(self.ts[slots, (self.count[slots] - 1) % MEMORY])

    def contains(self, slots: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Say of bars (slot and minute, both (n,)) whether they are here."""
        return np.asarray((self.ts[slots] == ts[:, None]).any(axis=1))

    def are_outliers(self, slots: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Say of minutes of symbols, both (n,), whether they have an outlier here."""
        found: np.ndarray = np.any(self.outlier[slots], axis=1)
        at = slots[found]
        found[found] = ((self.ts[at] == ts[found][:, None]) & self.outlier[at]).any(axis=1)
        return np.asarray(found)

    def outliers(self, bars: BarBatch, sessions: Sessions, limit: int) -> np.ndarray:
        """Say of bars, sorted by symbol and time and newer than all of their symbols, which are outliers, (n,).

        All follow the same sessions; a hole of more than `limit` minutes is a feed gap.
        """
        found = np.zeros(len(bars), dtype=bool)
        unsure = ~self._are_calm(bars)
        if unsure.any():
            found[unsure] = self._outliers(bars.select(unsure), sessions, limit)
        return found

    def append(self, bars: BarBatch, outlier: np.ndarray) -> None:
        """Add bars, sorted by symbol and time and newer than all of their symbols, and which are outliers, (n,)."""
        begins = np.flatnonzero(bars.is_first)
        counts = np.diff(begins, append=len(bars))
        place = np.arange(len(bars)) - np.repeat(begins, counts)
        newest = place >= np.repeat(counts, counts) - MEMORY  # of more bars than there is room for
        at = bars.slot[newest], (self.count[bars.slot] + place)[newest] % MEMORY
        self.ts[at], self.outlier[at] = bars.ts[newest], outlier[newest]
        for prices, column in zip(self.prices, bars.values[: CLOSE + 1], strict=True):
            prices[at] = column[newest]
        self.count[bars.slot[begins]] += counts

    def _are_calm(self, bars: BarBatch) -> np.ndarray:
        """Say of bars whether nothing of their symbol can be an outlier: most minutes of most markets, (n,)."""
        begins = np.flatnonzero(bars.is_first)
        if len(begins) == 0:
            return np.ones(0, dtype=bool)
        slots, counts = bars.slot[begins], np.diff(begins, append=len(bars))
        places = self.count[slots][:, None] - np.arange(1, NEAREST + 1)
        known = self.prices[CLOSE, slots[:, None], places % MEMORY]
        top = np.where(places >= 0, known, -np.inf).max(axis=1)
        bottom = np.where(places >= 0, known, np.inf).min(axis=1)
        top = np.maximum(top, np.maximum.reduceat(bars.values[HIGH], begins))
        bottom = np.minimum(bottom, np.minimum.reduceat(bars.values[LOW], begins))
        return np.repeat(is_calm(top, bottom), counts)

    def _outliers(self, bars: BarBatch, sessions: Sessions, limit: int) -> np.ndarray:
        past = self._bars(bars.slot[bars.is_first])
        both = past.concat(bars)
        order = np.argsort(both.slot, kind="stable")
        ordered = both.select(order)
        minutes = Minutes(ts=ordered.ts, filled=np.zeros(len(ordered), dtype=bool), **ordered.columns)
        found = np.empty(len(order), dtype=bool)
        found[order] = outliers(minutes, sessions, limit, ordered.slot, order >= len(past))
        return found[len(past) :]

    def _bars(self, slots: np.ndarray) -> BarBatch:
        """Return what is known of some symbols, by symbol and time."""
        known = np.minimum(self.count[slots], MEMORY)
        slot = np.repeat(slots, known)
        number = np.arange(len(slot)) - np.repeat(np.cumsum(known) - known, known)
        at = slot, (self.count[slot] - np.repeat(known, known) + number) % MEMORY
        volume = np.zeros((1, len(slot)))  # the rule needs none
        revision = np.zeros(len(slot), dtype=np.int16)  # nor this
        return BarBatch(slot, self.ts[at], np.concatenate([self.prices[:, at[0], at[1]], volume]), revision)
