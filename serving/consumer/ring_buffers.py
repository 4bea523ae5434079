"""What is known of every symbol: its newest rows, in arrays over all symbols, so that a market's minute is one step."""

import numpy as np

from stock_ml.domain.gaps import Minutes
from stock_ml.model.features import CHANNELS, Floats

BAR = [CHANNELS.index(name) for name in ("open", "high", "low", "close", "volume")]
NONE = -1  # the newest minute of a symbol that has none


class Rings:
    """Keep `rows` rows a symbol: received and filled bars as the CHANNELS of features, oldest overwritten first.

    `table` (C, S, R), `ts` (S, R) in UTC epoch seconds, `filled` (S, R). By slot, all (S,): `written` rows in all,
    `run` rows since the last feed gap or split, `loaded` (the symbol is known here), `since` when no bar of it lacks.
    """

    def __init__(self, symbols: int, rows: int) -> None:
        self.table = np.empty((len(CHANNELS), symbols, rows))
        self.ts = np.empty((symbols, rows), dtype=np.int64)
        self.filled = np.empty((symbols, rows), dtype=bool)
        self.written, self.run = np.zeros(symbols, dtype=np.int64), np.zeros(symbols, dtype=np.int64)
        self.loaded, self.since = np.zeros(symbols, dtype=bool), np.zeros(symbols, dtype=np.int64)
        self._rows = rows

    def forget(self, slots: np.ndarray) -> None:
        """Drop what is known of some symbols."""
        for state in (self.written, self.run, self.loaded, self.since):
            state[slots] = 0

    def relearn(self, slots: np.ndarray, since: np.ndarray) -> None:
        """Begin anew with some symbols: all their bars `since` a time, (n,), are appended next."""
        self.forget(slots)
        self.loaded[slots], self.since[slots] = True, since

    def newest(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each symbol's newest minute, NONE where it has none, and the close then, both (n,)."""
        at = (self.written[slots] - 1) % self._rows
        known = self.written[slots] > 0
        return np.where(known, self.ts[slots, at], NONE), self.table[BAR[3], slots, at]

    def append(self, slots: np.ndarray, table: Floats, ts: np.ndarray, filled: np.ndarray) -> None:
        """Write new rows, sorted by symbol and time; `table` is (n, C), the others (n,)."""
        begins = np.flatnonzero(np.diff(slots, prepend=-1))
        counts = np.diff(begins, append=len(slots))
        place = np.arange(len(slots)) - np.repeat(begins, counts)
        kept = place >= np.repeat(counts, counts) - self._rows  # of more rows than there is room for the newest
        at = slots[kept], ((self.written[slots] + place) % self._rows)[kept]
        for channel, column in zip(self.table, table.T, strict=True):
            channel[at] = column[kept]
        self.ts[at], self.filled[at] = ts[kept], filled[kept]
        touched = slots[begins]
        self.written[touched] += counts
        full = touched[self.written[touched] > self._rows]
        self.since[full] = np.maximum(self.since[full], self.ts[full, self.written[full] % self._rows])

    def windows(self, slots: np.ndarray, back: np.ndarray, window: int) -> Floats:
        """Return the windows (n, W, C) that end `back` rows before the newest of each slot."""
        ends = self.written[slots] - 1 - back
        at = (ends[:, None] + np.arange(1 - window, 1)) % self._rows + (slots * self._rows)[:, None]
        found = np.empty((len(CHANNELS), *at.shape))
        for channel, into in zip(self.table.reshape(len(CHANNELS), -1), found, strict=True):
            np.take(channel, at, out=into, mode="clip")
        return found.transpose(1, 2, 0)  # as the kernel reads it: each channel in one piece

    def holds(self, slots: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Say of bars (slot and minute, both (n,)) whether they are here as received ones."""
        same = (self.ts[slots] == ts[:, None]) & ~self.filled[slots]
        return np.asarray((same & (np.arange(self._rows) < self.written[slots][:, None])).any(axis=1))

    def received(self, slot: int) -> Minutes:
        """Return the received bars of a symbol, ascending."""
        count = min(int(self.written[slot]), self._rows)
        at = (int(self.written[slot]) - count + np.arange(count)) % self._rows
        at = at[~self.filled[slot, at]]
        opened, high, low, close, volume = self.table[BAR, slot][:, at]
        return Minutes(self.ts[slot, at], opened, high, low, close, volume, np.zeros(len(at), dtype=bool))
