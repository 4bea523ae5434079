"""Take in-order bars of many symbols at once: what to fill before each, and which of them complete a window."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from serving.common.bar_batch import Arrived
from serving.consumer.ring_buffers import NONE, Rings
from serving.stream_config import Rules
from stock_ml.domain import gaps, splits
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model import features


@dataclass(frozen=True, eq=False)
class Extended:
    """Hold what in-order bars bring.

    `slot` (r,) and `minutes`, the rows to store: bars, and filled ones before them. `at`: which of the bars complete a
    window, (n,); `windows` (n, W, C) in the same order.
    """

    slot: np.ndarray
    minutes: Minutes
    at: np.ndarray
    windows: np.ndarray


@dataclass(frozen=True, eq=False)
class _Steps:
    """Hold the step to each bar from the one before: its close, minutes to `fill`, the `run` of rows the bar ends."""

    close: np.ndarray
    fill: np.ndarray
    run: np.ndarray


@dataclass(frozen=True, eq=False)
class _Part:
    """Hold the rows of some of the bars: `slot` and `minutes`; of each bar its number and the row that it `ends`."""

    slot: np.ndarray
    minutes: Minutes
    bars: np.ndarray
    ends: np.ndarray


def extend(rings: Rings, bars: Arrived, sessions: Sessions, rules: Rules) -> Extended:
    """Append bars to the rings, and return what they bring.

    They are sorted by symbol and time, and each is newer than all that its symbol has; all keep the same sessions.
    """
    parts, ready, windows = [], [], []
    steps = _steps(rings, bars, sessions, rules)
    for part in _appended(rings, bars, steps, (sessions, rules)):
        ends = steps.run[part.bars] >= rules.window
        row, slot = part.ends[ends], bars.slot[part.bars[ends]]
        newest = np.searchsorted(part.slot, slot, side="right") - 1
        windows.append(rings.windows(slot, newest - row, rules.window))
        ready.append(part.bars[ends])
        parts.append(part)
    minutes = [np.concatenate(column) for column in zip(*(vars(part.minutes).values() for part in parts), strict=True)]
    slot = np.concatenate([part.slot for part in parts])
    return Extended(slot, Minutes(*minutes), np.concatenate(ready), np.concatenate(windows))


def remember(rings: Rings, bars: Arrived, sessions: Sessions, rules: Rules) -> None:
    """Append bars, as `extend` does, that were stored before."""
    if len(bars):
        for _ in _appended(rings, bars, _steps(rings, bars, sessions, rules), (sessions, rules)):
            pass


def _appended(rings: Rings, bars: Arrived, steps: _Steps, kept: tuple[Sessions, Rules]) -> Iterator[_Part]:
    """Yield the bars in parts that were just appended: the windows of a part are in the rings until the next one."""
    sessions, rules = kept
    for part in _rounds(bars, steps, rules):
        slot, minutes, ends = _filled(bars.pick(part), steps.fill[part], steps.close[part])
        rings.append(slot, features.rows(minutes, sessions), minutes.ts, minutes.filled)
        yield _Part(slot, minutes, part, ends)
    rings.run[bars.slot] = steps.run  # of several bars of a symbol the last one stays


def _steps(rings: Rings, bars: Arrived, sessions: Sessions, rules: Rules) -> _Steps:
    first = bars.first()
    ts, close = (_before(known, own, first) for known, own in zip(rings.newest(bars.slot), _own(bars), strict=True))
    known, number = ts != NONE, sessions.number(bars.ts)
    fill = np.where(known, gaps.missing(ts, bars.ts, sessions, rules.limit), 0)
    near = features.joined(sessions.index(ts), sessions.index(bars.ts), rules.limit)
    joined = known & ((fill > 0) | near)
    night = np.flatnonzero(joined & (number != sessions.number(ts)))
    joined[night] = splits.nearest(np.log(close[night]) - np.log(bars.values[0, night])) == 1.0
    return _Steps(close, fill, _run(rings.run[bars.slot], fill + 1, first, joined))


def _own(bars: Arrived) -> tuple[np.ndarray, np.ndarray]:
    return bars.ts, bars.values[3]


def _before(known: np.ndarray, own: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return what the bar before each one has: the symbol's newest known one before its first."""
    return np.where(first, known, np.concatenate([known[:1], own[:-1]]))


def _run(known: np.ndarray, rows: np.ndarray, first: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Return how many rows there are from the last break to each bar: it counts on from what is known of a symbol."""
    total = np.cumsum(rows)
    begun = np.where(joined, total - rows - known, total - 1)  # what to subtract from here on, where a run begins
    begins = np.maximum.accumulate(np.where(first | ~joined, np.arange(len(rows)), 0))
    return np.asarray(total - begun[begins])


def _rounds(bars: Arrived, steps: _Steps, rules: Rules) -> Iterator[np.ndarray]:
    """Yield the bars in parts whose rows leave the windows of each part in the rings."""
    begins = np.flatnonzero(bars.first())
    place = np.arange(len(bars)) - np.repeat(begins, np.diff(begins, append=len(bars)))
    most = max((rules.rows - rules.window) // (int(steps.fill.max()) + 1), 1)
    for start in range(0, int(place.max()) + 1, most):
        yield np.flatnonzero((place >= start) & (place < start + most))


def _filled(bars: Arrived, fill: np.ndarray, close: np.ndarray) -> tuple[np.ndarray, Minutes, np.ndarray]:
    """Return the rows with those filled before each bar: slot, minutes, and where the bars are."""
    ends = np.cumsum(fill + 1) - 1
    of = np.repeat(np.arange(len(bars)), fill + 1)
    back = ends[of] - np.arange(len(of))
    new = back > 0
    opened, high, low, closed = (np.where(new, close[of], price[of]) for price in bars.values[:4])
    volume = np.where(new, 0.0, bars.values[4][of])
    return bars.slot[of], Minutes(bars.ts[of] - back * MINUTE, opened, high, low, closed, volume, new), ends
