"""What the stream keeps of every symbol: its interval scales, and the forecasts whose targets have no close yet."""

from typing import NamedTuple

import numpy as np

from stock_ml.domain.bars import MINUTE
from stock_ml.model.adaptive.update import NO_FORECASTS, CalibratedForecasts, PendingForecasts, apply_outcomes
from stock_ml.model.conformal import LEVELS, Floats, IntervalScale

NONE = 0  # the target of a place without a pending forecast


class Closes(NamedTuple):
    """Hold the closes of minutes, received and filled, that became known: (r,) each, sorted by `slot` and `ts`."""

    slot: np.ndarray
    ts: np.ndarray
    close: Floats


class StoredForecasts(NamedTuple):
    """Hold newest stored forecasts, (n,) or (3, n), those of a slot ascending; `actual` is NaN where none is stored."""

    slot: np.ndarray
    bar_ts: np.ndarray
    target: np.ndarray
    lower: Floats
    upper: Floats
    interval_scale: IntervalScale
    actual: Floats


class AdaptiveIntervals:
    """Keep `interval_scale` (3, S), float32, by level and slot, and the pending forecasts.

    An outcome counts once, when the first minute at or after its target becomes known; one in a feed gap never does.
    """

    def __init__(self, symbols: int, horizon: int) -> None:
        self.interval_scale: IntervalScale = np.zeros((len(LEVELS), symbols), np.float32)
        self._target = np.full((symbols, horizon), NONE, dtype=np.int64)
        self._lower, self._upper = np.zeros((2, len(LEVELS), symbols, horizon))

    def process(self, forecasts: CalibratedForecasts, closes: Closes) -> IntervalScale:
        """Process minutes that became known, and new forecasts from some of them; return their scales, (3, n).

        Minutes are newer than all that were processed of their symbol before.
        """
        ends = np.flatnonzero(np.diff(closes.slot, append=-1))
        slots, newest = closes.slot[ends], closes.ts[ends]
        pending = self._pending(slots)
        targets = np.concatenate([pending.slot, forecasts.slot]), np.concatenate([pending.target, forecasts.target])
        scales, updated = apply_outcomes(self.interval_scale, pending, forecasts, _closes_at(closes, *targets))
        self._replace_pending(updated, slots, newest)
        return scales

    def restore(self, slots: np.ndarray, stored: StoredForecasts) -> None:
        """Restore some symbols from their newest stored forecasts."""
        self.interval_scale[:, slots], self._target[slots] = 0, NONE
        newest = np.flatnonzero(np.diff(stored.slot, append=-1))
        self.interval_scale[:, stored.slot[newest]] = stored.interval_scale[:, newest]
        made_at = np.zeros(self.interval_scale.shape[1], dtype=np.int64)
        made_at[stored.slot[newest]] = stored.bar_ts[newest]
        later = stored.target > made_at[stored.slot]
        columns = (stored.slot, stored.target, stored.lower, stored.upper)
        self._add_pending(PendingForecasts(*(column[..., later] for column in columns)))
        known = later & ~np.isnan(stored.actual)
        self.process(NO_FORECASTS, Closes(stored.slot[known], stored.target[known], stored.actual[known]))

    def _pending(self, slots: np.ndarray) -> PendingForecasts:
        row, place = np.nonzero(self._target[slots] != NONE)
        slot = slots[row]
        lower, upper = self._lower[:, slot, place], self._upper[:, slot, place]
        return PendingForecasts(slot, self._target[slot, place], lower, upper)

    def _replace_pending(self, forecasts: PendingForecasts, slots: np.ndarray, newest: np.ndarray) -> None:
        self._target[slots] = NONE
        until = np.zeros(self.interval_scale.shape[1], dtype=np.int64)
        until[slots] = newest
        later = forecasts.target > until[forecasts.slot]
        self._add_pending(PendingForecasts(*(column[..., later] for column in forecasts)))

    def _add_pending(self, forecasts: PendingForecasts) -> None:
        # the targets pending of a symbol lie within `horizon` minutes: each has a place of its own
        slot, place = forecasts.slot, forecasts.target // MINUTE % self._target.shape[1]
        self._target[slot, place] = forecasts.target
        self._lower[:, slot, place], self._upper[:, slot, place] = forecasts.lower, forecasts.upper


def _closes_at(closes: Closes, slot: np.ndarray, ts: np.ndarray) -> Floats:
    """Return the closes of minutes of symbols, NaN where there is none, (n,)."""
    if len(closes.slot) == 0:
        return np.full(len(slot), np.nan)
    first = int(min(closes.ts.min(), ts.min(initial=2**62)))
    span = int(max(closes.ts.max(), ts.max(initial=0))) - first + 1
    keys, wanted = closes.slot * span + (closes.ts - first), slot * span + (ts - first)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, closes.close[at], np.nan)
