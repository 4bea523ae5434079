"""What the stream remembers of every symbol: its stretches, and the forecasts whose targets have not come yet."""

from typing import NamedTuple

import numpy as np

from stock_ml.domain.bars import MINUTE
from stock_ml.model.adaptive.update import NOTHING, Awaited, Made, fold
from stock_ml.model.conformal import LEVELS, Floats, Stretch

NONE = 0  # the target of a place where nothing is awaited


class Closes(NamedTuple):
    """Hold the closes of minutes, received and filled, that became known: (r,) each, sorted by `slot` and `ts`."""

    slot: np.ndarray
    ts: np.ndarray
    close: Floats


class Pending(NamedTuple):
    """Hold newest stored forecasts, (n,) or (3, n), those of a slot ascending; `actual` is NaN where none is stored."""

    slot: np.ndarray
    bar_ts: np.ndarray
    target: np.ndarray
    lower: Floats
    upper: Floats
    stretch: Stretch
    actual: Floats


class Adaptation:
    """Keep `stretch` (3, S), float32, by level and slot, and what is awaited.

    An outcome counts once, when the first minute at or after its target becomes known; one in a feed gap never does.
    """

    def __init__(self, symbols: int, horizon: int) -> None:
        self.stretch: Stretch = np.zeros((len(LEVELS), symbols), np.float32)
        self._target = np.full((symbols, horizon), NONE, dtype=np.int64)
        self._lower, self._upper = np.zeros((2, len(LEVELS), symbols, horizon))

    def take(self, made: Made, closes: Closes) -> Stretch:
        """Take minutes that became known, and the forecasts made at some of them; return their stretches, (3, n).

        Minutes are newer than all that were taken of their symbol before.
        """
        ends = np.flatnonzero(np.diff(closes.slot, append=-1))
        touched, newest = closes.slot[ends], closes.ts[ends]
        before = self._awaited(touched)
        targets = np.concatenate([before.slot, made.slot]), np.concatenate([before.target, made.target])
        taken, every = fold(self.stretch, before, made, _closes_at(closes, *targets))
        self._await(every, touched, newest)
        return taken

    def learn(self, slots: np.ndarray, stored: Pending) -> None:
        """Begin with some symbols as the newest forecasts stored of them say."""
        self.stretch[:, slots], self._target[slots] = 0, NONE
        newest = np.flatnonzero(np.diff(stored.slot, append=-1))
        self.stretch[:, stored.slot[newest]] = stored.stretch[:, newest]
        made_at = np.zeros(self.stretch.shape[1], dtype=np.int64)
        made_at[stored.slot[newest]] = stored.bar_ts[newest]
        later = stored.target > made_at[stored.slot]
        self._keep(
            Awaited(*(column[..., later] for column in (stored.slot, stored.target, stored.lower, stored.upper)))
        )
        came = later & ~np.isnan(stored.actual)
        self.take(NOTHING, Closes(stored.slot[came], stored.target[came], stored.actual[came]))

    def _awaited(self, slots: np.ndarray) -> Awaited:
        row, place = np.nonzero(self._target[slots] != NONE)
        slot = slots[row]
        return Awaited(slot, self._target[slot, place], self._lower[:, slot, place], self._upper[:, slot, place])

    def _await(self, every: Awaited, touched: np.ndarray, newest: np.ndarray) -> None:
        self._target[touched] = NONE
        until = np.zeros(self.stretch.shape[1], dtype=np.int64)
        until[touched] = newest
        later = every.target > until[every.slot]
        self._keep(Awaited(*(column[..., later] for column in every)))

    def _keep(self, some: Awaited) -> None:
        # the targets awaited of a symbol lie within `horizon` minutes: each has a place of its own
        place = some.target // MINUTE % self._target.shape[1]
        self._target[some.slot, place] = some.target
        self._lower[:, some.slot, place], self._upper[:, some.slot, place] = some.lower, some.upper


def _closes_at(closes: Closes, slot: np.ndarray, ts: np.ndarray) -> Floats:
    """Return the closes of minutes of symbols, NaN where there is none, (n,)."""
    if len(closes.slot) == 0:
        return np.full(len(slot), np.nan)
    first = int(min(closes.ts.min(), ts.min(initial=2**62)))
    span = int(max(closes.ts.max(), ts.max(initial=0))) - first + 1
    keys, wanted = closes.slot * span + (closes.ts - first), slot * span + (ts - first)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, closes.close[at], np.nan)
