"""The newest rows of every symbol, in arrays over all symbols, so that a market's minute is one step."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stock_ml.domain.gaps import Minutes
from stock_ml.model.features import CHANNELS, Floats

FIELDS = ("open", "high", "low", "close", "volume")
CHANNEL = {name: number for number, name in enumerate(CHANNELS)}
NONE = -1  # the newest minute of a symbol that has none


class Newest(NamedTuple):
    """Hold of symbols their newest minute, NONE where there is none, its close and its `run`, (n,) each."""

    ts: np.ndarray
    close: np.ndarray
    run: np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """Hold rows to append, sorted by symbol and time: received bars, and the filled ones before them.

    By row, (r,): the symbol's `slot`, `minutes`, and `table` (r, C), the CHANNELS of features. By received bar, (n,):
    its row, `at`, and its `run`, the rows since the last feed gap or split.
    """

    slot: np.ndarray
    minutes: Minutes
    table: Floats
    at: np.ndarray
    run: np.ndarray


class RingBuffers:
    """Keep `size` rows a symbol: received and filled bars as the CHANNELS of features, oldest overwritten first.

    `table` (C, S, R), `ts` (S, R) in UTC epoch seconds, `filled` (S, R). By slot, all (S,): the `count` of all rows
    appended, `run` rows since the last feed gap or split, `loaded` (the symbol is known here), `since` when no bar of
    it lacks.
    """

    def __init__(self, symbols: int, size: int) -> None:
        self.table = np.empty((len(CHANNELS), symbols, size))
        self.ts = np.empty((symbols, size), dtype=np.int64)
        self.filled = np.empty((symbols, size), dtype=bool)
        self.count, self.run = np.zeros(symbols, dtype=np.int64), np.zeros(symbols, dtype=np.int64)
        self.loaded, self.since = np.zeros(symbols, dtype=bool), np.zeros(symbols, dtype=np.int64)
        self._size = size

    def clear(self, slots: np.ndarray) -> None:
        """Drop what is known of some symbols."""
        for state in (self.count, self.run, self.loaded, self.since):
            state[slots] = 0

    def reset(self, slots: np.ndarray, since: np.ndarray) -> None:
        """Reset some symbols: all their bars `since` a time, (n,), are appended next."""
        self.clear(slots)
        self.loaded[slots], self.since[slots] = True, since

    def newest(self, slots: np.ndarray) -> Newest:
        """Return what is newest of each symbol."""
        at = (self.count[slots] - 1) % self._size
        ts = np.where(self.count[slots] > 0, self.ts[slots, at], NONE)
        return Newest(ts, self.table[CHANNEL["close"], slots, at], self.run[slots])

    def contains(self, slots: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Say of bars (slot and minute, both (n,)) whether they are here as received ones."""
        same = (self.ts[slots] == ts[:, None]) & ~self.filled[slots]
        return np.asarray((same & (np.arange(self._size) < self.count[slots][:, None])).any(axis=1))

    def received(self, slot: int) -> Minutes:
        """Return the received bars of a symbol, ascending."""
        count = min(int(self.count[slot]), self._size)
        at = (int(self.count[slot]) - count + np.arange(count)) % self._size
        at = at[~self.filled[slot, at]]
        columns = {name: self.table[CHANNEL[name], slot, at] for name in FIELDS}
        return Minutes(ts=self.ts[slot, at], filled=np.zeros(len(at), dtype=bool), **columns)

    def append(self, rows: Rows) -> None:
        """Write rows that are newer than all of their symbols."""
        number, place, counts = self._numbered(rows.slot)
        self._write(rows, number, place >= counts - self._size)  # of more rows than there is room for the newest
        self.run[rows.slot[rows.at]] = rows.run  # of several bars of a symbol the last one counts

    def append_and_slice(self, rows: Rows, window: int) -> tuple[np.ndarray, list[Floats]]:
        """Write rows as `append` does, and return the windows that end at their received bars.

        The bars that complete a window, (n,), and the windows, (n, W, C), in the same order, some at a time.
        """
        number, place, counts = self._numbered(rows.slot)
        complete = np.flatnonzero(rows.run >= window)
        windows: list[Floats] = []
        part = place[rows.at[complete]] // (self._size - window)  # a part's windows are here until the next is written
        for start in range(0, int(counts.max(initial=0)), self._size - window):
            self._write(rows, number, (place >= start) & (place < start + self._size - window))
            ends = rows.at[complete[part == len(windows)]]
            windows.append(self.windows(rows.slot[ends], number[ends], window))
        self.run[rows.slot[rows.at]] = rows.run
        return complete[np.argsort(part, kind="stable")], windows

    def windows(self, slots: np.ndarray, last: np.ndarray, window: int) -> Floats:
        """Return the windows (n, W, C) whose last rows have a number, counted from the first of their symbols."""
        at = (last[:, None] + np.arange(1 - window, 1)) % self._size + (slots * self._size)[:, None]
        found = np.empty((len(CHANNELS), *at.shape))
        for channel, into in zip(self.table.reshape(len(CHANNELS), -1), found, strict=True):
            np.take(channel, at, out=into, mode="clip")
        return found.transpose(1, 2, 0)  # as the kernel reads it: each channel in one piece

    def _numbered(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return of new rows their number, their place among the symbol's new ones, and how many it has, all (r,)."""
        begins = np.flatnonzero(np.diff(slots, prepend=-1))
        counts = np.diff(begins, append=len(slots))
        place = np.arange(len(slots)) - np.repeat(begins, counts)
        return self.count[slots] + place, place, np.repeat(counts, counts)

    def _write(self, rows: Rows, number: np.ndarray, chosen: np.ndarray) -> None:
        slot, number = rows.slot[chosen], number[chosen]
        at = slot, number % self._size
        for channel, column in zip(self.table, rows.table.T, strict=True):
            channel[at] = column[chosen]
        self.ts[at], self.filled[at] = rows.minutes.ts[chosen], rows.minutes.filled[chosen]
        ends = np.flatnonzero(np.diff(slot, append=-1))
        self.count[slot[ends]] = number[ends] + 1
        full = slot[ends][number[ends] >= self._size]
        self.since[full] = np.maximum(self.since[full], self.ts[full, self.count[full] % self._size])
