"""The fold: outcomes move a symbol's stretches, and each new forecast takes them as they are by then.

Of a symbol everything happens in order of time; symbols do not meet, so the first event of all of them is one step,
then the second.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stock_ml.model.conformal import LEVELS, Floats, Stretch, adapted, bounds

Ints = np.ndarray


class Made(NamedTuple):
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


class Awaited(NamedTuple):
    """Hold forecasts made before, whose targets are awaited: slot and target (n,), the bounds as prices (3, n)."""

    slot: Ints
    target: Ints
    lower: Floats
    upper: Floats


_NO, _NO_PRICE, _NO_BOUND = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((len(LEVELS), 0))
NOTHING = Made(_NO, _NO, _NO, _NO_PRICE, _NO_PRICE, _NO_PRICE, _NO_BOUND)


def replayed(made: Made, actual: Floats) -> Stretch:
    """Return the stretches, (3, n), that the stream would make forecasts with whose outcomes are all known by now.

    It begins as calibrated. `actual` are the closes at the targets, (n,), NaN where none came.
    """
    stretch = np.zeros((len(LEVELS), int(made.slot.max(initial=-1)) + 1), np.float32)
    return fold(stretch, Awaited(_NO, _NO, _NO_BOUND, _NO_BOUND), made, actual)[0]


def fold(stretch: Stretch, before: Awaited, made: Made, actual: Floats) -> tuple[Stretch, Awaited]:
    """Move the stretches (3, S), in place, by all outcomes; return what each new forecast took, and all forecasts.

    `actual` are the closes at the targets of `before` and then of `made`, NaN where none is known (yet): such a
    forecast moves nothing. An outcome counts before a forecast is made from the very bar that is its target.
    """
    n = len(before.slot)
    needed = np.concatenate([_met(before, actual[:n]), _needed(made, actual[n:])], axis=-1)
    slots, taken = np.concatenate([before.slot, made.slot]), np.empty((len(LEVELS), len(made.slot)), np.float32)
    for known, new in _steps(slots, np.concatenate([before.target, made.target]), made, actual):
        slot = slots[known]
        now = stretch[:, slot]
        stretch[:, slot] = adapted(now, now >= needed[:, known])
        taken[:, new] = stretch[:, made.slot[new]]
    drawn = bounds(made.last, made.predicted, made.centre, made.half, taken)
    new_ones = Awaited(made.slot, made.target, *drawn)
    return taken, Awaited(*(np.concatenate([old, new], axis=-1) for old, new in zip(before, new_ones, strict=True)))


def _met(before: Awaited, actual: Floats) -> Floats:
    """Return the least stretches that cover the outcomes, (3, n): any where the bounds do, else none."""
    return np.where((before.lower <= actual) & (actual <= before.upper), -np.inf, np.inf)


def _needed(made: Made, actual: Floats) -> Floats:
    """Return the least stretches whose bounds cover the outcomes, (3, n): where the forecast itself does, any."""
    centre = made.last * np.exp(made.centre)
    with np.errstate(all="ignore"):
        least = np.log(np.abs(np.log(actual / made.last) - made.centre) / made.half)
    between = (actual - made.predicted) * (actual - centre) <= 0
    return np.where(between, -np.inf, least)


def _steps(slots: Ints, targets: Ints, made: Made, actual: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Yield which forecasts' outcomes are known next, and which new ones are made next, at most one event a symbol."""
    known = np.flatnonzero(~np.isnan(actual))
    slot, time = np.concatenate([slots[known], made.slot]), np.concatenate([targets[known], made.ts])
    new = np.arange(len(slot)) >= len(known)
    index = np.concatenate([known, np.arange(len(made.slot))])
    order = np.lexsort((new, time, slot))
    begins = np.flatnonzero(np.diff(slot[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    in_turn = order[np.argsort(place, kind="stable")]
    for step in np.split(in_turn, np.cumsum(np.bincount(place))[:-1]) if len(place) else []:
        yield index[step[~new[step]]], index[step[new[step]]]
