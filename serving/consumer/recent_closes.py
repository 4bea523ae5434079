"""The official closes of every symbol, as the rows of its next session need them."""

from typing import NamedTuple

import numpy as np

from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialCloses, closes_before

KEPT = 64  # sessions a symbol: all that a batch of messages can hold bars of
PLACES = 40  # bits of a time below the slot


class Closes(NamedTuple):
    """Hold official closes, (k,) each: the symbol's `slot`, `ts` of the close in UTC epoch seconds, and what it was."""

    slot: np.ndarray
    ts: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def select(self, at: np.ndarray) -> "Closes":
        """Return those that a mask or indices choose."""
        return Closes(*(column[at] for column in self))


class RecentCloses:
    """Keep official closes by symbol and time, one a session: of those with the largest volume the newest."""

    def __init__(self) -> None:
        none = np.empty(0, dtype=np.int64)
        self._closes = Closes(none, none, np.empty(0), np.empty(0))
        self._keys, self._has_new = none, False

    def clear(self, slots: np.ndarray) -> None:
        """Drop what is known of some symbols."""
        self._replace(self._closes.select(~np.isin(self._closes.slot, slots)))

    def add(self, new: Closes) -> None:
        """Add official closes in the order of their messages."""
        if not len(new.ts):
            return
        self._has_new = True
        both = Closes(*(np.concatenate(pair) for pair in zip(self._closes, new, strict=True)))
        ordered = both.select(np.lexsort((both.volume, both.ts, both.slot)))  # stable: of equal ones the newest is last
        keys = _keys(ordered.slot, ordered.ts)
        self._replace(ordered.select(np.append(keys[1:] != keys[:-1], [True] * min(len(keys), 1)).astype(bool)))

    def drop_old(self) -> None:
        """Keep the newest KEPT of each symbol, where any was added."""
        if not self._has_new:
            return
        self._has_new, slot = False, self._closes.slot
        old = np.zeros(len(slot), dtype=bool)
        old[:-KEPT] = slot[:-KEPT] == slot[KEPT:]
        self._replace(self._closes.select(~old))

    def before(self, slot: np.ndarray, ts: np.ndarray, sessions: Sessions) -> np.ndarray:
        """Return for minutes of symbols the official close of the session before, NaN where none is known, (n,).

        All follow the same sessions.
        """
        if len(self._keys) == 0:
            return np.full(len(ts), np.nan)
        wanted = _keys(slot, closes_before(ts, sessions))
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[at] == wanted, self._closes.close[at], np.nan)

    def of(self, slot: int) -> OfficialCloses:
        """Return the official closes of a symbol."""
        own = self._closes.select(self._closes.slot == slot)
        return OfficialCloses(own.ts, own.close)

    def _replace(self, closes: Closes) -> None:
        self._closes, self._keys = closes, _keys(closes.slot, closes.ts)


def _keys(slot: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """Return one number for each symbol and time."""
    return np.asarray((slot << PLACES) + ts)
