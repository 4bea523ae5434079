"""Bars of many symbols as arrays: what the good case of a batch is made of."""

from dataclasses import dataclass

import numpy as np

from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes


@dataclass(frozen=True, eq=False)
class Arrived:
    """Hold received bars: the symbol's `slot`, `ts` in UTC epoch seconds, (n,); `values` open to volume, (5, n)."""

    slot: np.ndarray
    ts: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    @classmethod
    def of_bars(cls, bars: list[Bar], slots: dict[str, int]) -> "Arrived":
        """Take bars one by one, in their order."""
        slot = np.array([slots[bar.symbol] for bar in bars], dtype=np.int64)
        ts = np.array([bar.ts for bar in bars], dtype=np.int64)
        return cls(slot, ts, np.array([bar[2:7] for bar in bars], dtype=np.float64).reshape(-1, 5).T)

    def pick(self, at: np.ndarray) -> "Arrived":
        """Return the bars that a mask or indices choose."""
        return Arrived(self.slot[at], self.ts[at], self.values[:, at])

    def and_then(self, other: "Arrived") -> "Arrived":
        """Return these bars, and others after them."""
        pairs = ((self.slot, other.slot), (self.ts, other.ts), (self.values, other.values))
        return Arrived(*(np.concatenate(pair, axis=-1) for pair in pairs))

    def by_symbol(self) -> "Arrived":
        """Return the bars symbol by symbol, each symbol's in the order in which they came."""
        return self.pick(np.argsort(self.slot, kind="stable"))

    def minutes(self) -> Minutes:
        """Return the bars of ONE symbol as its minutes."""
        opened, high, low, close, volume = self.values
        return Minutes(self.ts, opened, high, low, close, volume, np.zeros(len(self), dtype=bool))

    @classmethod
    def of_minutes(cls, slot: int, minutes: Minutes) -> "Arrived":
        """Take the received bars of one symbol."""
        values = np.stack([minutes.open, minutes.high, minutes.low, minutes.close, minutes.volume])
        return cls(np.full(len(minutes), slot), minutes.ts, values)

    def first(self) -> np.ndarray:
        """Say of each bar, sorted by symbol, whether it is its symbol's first one, (n,)."""
        return np.asarray(np.diff(self.slot, prepend=-1) != 0)
