"""Take new bars of one symbol into its history, in whatever order they came: what is new, what to store, which windows.

These are the rules in full; `inorder` does the same for many symbols at once where bars came in order.
"""

from dataclasses import dataclass

import numpy as np

from serving.common.bar_batch import Arrived
from serving.stream_config import Rules
from stock_ml.domain import gaps
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model import features


@dataclass(frozen=True, eq=False)
class Taken:
    """Hold what new bars of a symbol bring.

    `received`: all its received bars known now. `minutes` and `late`: the bars to store, (r,). For each window that a
    new bar completes: the bar's `ts` and `close`, `known` (when the newest bar until then was known), all (n,), and the
    window, (n, W, C).
    """

    received: Minutes
    minutes: Minutes
    late: np.ndarray
    ts: np.ndarray
    close: np.ndarray
    known: np.ndarray
    windows: np.ndarray


@dataclass(frozen=True, eq=False)
class _New:
    bars: Minutes
    late: np.ndarray
    known: np.ndarray


def take(history: Minutes, bars: Arrived, sessions: Sessions, rules: Rules) -> Taken:
    """Take bars in the order in which they came; those already in the history, or twice in `bars`, bring nothing."""
    new = _new(history, bars)
    received = _merged(history, new.bars)
    minutes = gaps.fill(received, sessions, rules.limit)
    at = np.searchsorted(minutes.ts, new.bars.ts)
    ready = np.isin(at, features.ends(minutes, sessions, rules.window, rules.limit))
    ends = at[ready]
    windows = features.rows(minutes, sessions)[ends[:, None] + np.arange(1 - rules.window, 1)]
    around = _pick(minutes, _filled_around(minutes, received, new.bars.ts))
    late = np.concatenate([np.zeros(len(around), dtype=bool), new.late])
    known = new.known[ready]
    return Taken(received, joined(around, new.bars), late, minutes.ts[ends], minutes.close[ends], known, windows)


def _new(history: Minutes, bars: Arrived) -> _New:
    came = bars.minutes()
    before = np.maximum.accumulate(np.append(history.ts[-1:] if len(history) else [-1], came.ts))[:-1]
    _, first = np.unique(came.ts, return_index=True)  # ascending in time; of two for one minute the first one stays
    first = first[~np.isin(came.ts[first], history.ts)]
    return _New(_pick(came, first), came.ts[first] < before[first], np.maximum(came.ts, before)[first] + MINUTE)


def joined(*parts: Minutes) -> Minutes:
    """Return minutes one after the other."""
    return Minutes(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))


def _merged(history: Minutes, new: Minutes) -> Minutes:
    both = joined(history, new)
    return _pick(both, np.argsort(both.ts, kind="stable"))


def _filled_around(minutes: Minutes, received: Minutes, new: np.ndarray) -> np.ndarray:
    """Return where the filled bars stand that new ones may have changed: up to the received neighbours."""
    if len(new) == 0:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(received.ts, [new[0], new[-1]])
    low, high = received.ts[max(first - 1, 0)], received.ts[min(last + 1, len(received) - 1)]
    return np.flatnonzero(minutes.filled & (minutes.ts > low) & (minutes.ts < high))


def _pick(minutes: Minutes, at: np.ndarray) -> Minutes:
    return Minutes(*(column[at] for column in vars(minutes).values()))
