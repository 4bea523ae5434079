"""Adaptive conformal intervals: each outcome moves the scale of its symbol's intervals.

The events of one symbol are applied in order of time. Symbols do not affect each other, so the first event of every
symbol is one vectorised step, then the second. The stream keeps the scales and the forecasts without an outcome.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stock_ml.domain.bars import MINUTE
from stock_ml.model.conformal import LEVELS, Floats, IntervalScale, adapt, bounds

Ints = np.ndarray
NONE = 0  # the target of a place without a pending forecast


class CalibratedForecasts(NamedTuple):
    """Hold new forecasts, all (n,) but `half`, (3, n): half the calibrated widths by level, in log returns.

    `slot` is the symbol's place, `ts` and `target` in UTC epoch seconds, `last` and `predicted` closes, `centre` the
    log return in the middle of the interval. Of a symbol they ascend in `ts`.
    """

    slot: Ints
    ts: Ints
    target: Ints
    last: Floats
    predicted: Floats
    centre: Floats
    half: Floats


class PendingForecasts(NamedTuple):
    """Hold earlier forecasts whose targets have no close yet: slot and target (n,), the bounds as prices (3, n)."""

    slot: Ints
    target: Ints
    lower: Floats
    upper: Floats


_NO, _NO_PRICE, _NO_BOUND = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((len(LEVELS), 0))
NO_FORECASTS = CalibratedForecasts(_NO, _NO, _NO, _NO_PRICE, _NO_PRICE, _NO_PRICE, _NO_BOUND)


def replay_scales(forecasts: CalibratedForecasts, actual: Floats) -> IntervalScale:
    """Return the scales, (3, n), that the stream would give forecasts whose outcomes are all known by now.

    It begins as calibrated. `actual` are the closes at the targets, (n,), NaN where none came.
    """
    interval_scale = np.zeros((len(LEVELS), int(forecasts.slot.max(initial=-1)) + 1), np.float32)
    return apply_outcomes(interval_scale, PendingForecasts(_NO, _NO, _NO_BOUND, _NO_BOUND), forecasts, actual)[0]


def apply_outcomes(
    interval_scale: IntervalScale, pending: PendingForecasts, forecasts: CalibratedForecasts, actual: Floats
) -> tuple[IntervalScale, PendingForecasts]:
    """Move the scales (3, S), in place, by all outcomes; return the scale of each new forecast, and all forecasts.

    `actual` are the closes at the targets of `pending` and then of `forecasts`, NaN where none is known (yet): such a
    forecast moves nothing. An outcome counts before a forecast is made from the very bar that is its target.
    """
    n = len(pending.slot)
    least = np.concatenate([_least_of_pending(pending, actual[:n]), _least_of_new(forecasts, actual[n:])], axis=-1)
    slots = np.concatenate([pending.slot, forecasts.slot])
    made = np.zeros((len(LEVELS), len(slots)), np.float32)  # the scale of each new forecast: others have their bounds
    for known, new in _steps(slots, np.concatenate([pending.target, forecasts.target]), forecasts, actual):
        slot = slots[known]
        interval_scale[:, slot] = adapt(interval_scale[:, slot], made[:, known] >= least[:, known])
        made[:, n + new] = interval_scale[:, forecasts.slot[new]]
    scales = made[:, n:]
    lower, upper = bounds(forecasts.last, forecasts.predicted, forecasts.centre, forecasts.half, scales)
    added = PendingForecasts(forecasts.slot, forecasts.target, lower, upper)
    return scales, PendingForecasts(*(np.concatenate(columns, axis=-1) for columns in zip(pending, added, strict=True)))


def _least_of_pending(pending: PendingForecasts, actual: Floats) -> Floats:
    """Return the least scales that cover the outcomes, (3, n): any where the bounds do, else none."""
    return np.where((pending.lower <= actual) & (actual <= pending.upper), -np.inf, np.inf)


def _least_of_new(forecasts: CalibratedForecasts, actual: Floats) -> Floats:
    """Return the least scales whose bounds cover the outcomes, (3, n): where the forecast itself does, any."""
    centre = forecasts.last * np.exp(forecasts.centre)
    with np.errstate(all="ignore"):
        least = np.log(np.abs(np.log(actual / forecasts.last) - forecasts.centre) / forecasts.half)
    between = (actual - forecasts.predicted) * (actual - centre) <= 0
    return np.where(between, -np.inf, least)


def _steps(slots: Ints, targets: Ints, forecasts: CalibratedForecasts, actual: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Yield which forecasts' outcomes are known next, and which new ones are made next, at most one event a symbol."""
    known = np.flatnonzero(~np.isnan(actual))
    slot, time = np.concatenate([slots[known], forecasts.slot]), np.concatenate([targets[known], forecasts.ts])
    new = np.arange(len(slot)) >= len(known)
    index = np.concatenate([known, np.arange(len(forecasts.slot))])
    order = np.lexsort((new, time, slot))
    begins = np.flatnonzero(np.diff(slot[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    in_turn = order[np.argsort(place, kind="stable")]
    for step in np.split(in_turn, np.cumsum(np.bincount(place))[:-1]) if len(place) else []:
        yield index[step[~new[step]]], index[step[new[step]]]


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
