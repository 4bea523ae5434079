"""Merge new bars of one symbol into its history, in whatever order they come: what to store, and which windows.

These are the rules in full; `in_order` does the same for many symbols at once where bars come in order.
"""

from dataclasses import dataclass

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.in_order import Update, Windows, select
from serving.stream_config import StreamConfig
from stock_ml.domain import gaps
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model import features


@dataclass(frozen=True, eq=False)
class _New:
    bars: Minutes
    late: np.ndarray
    known: np.ndarray


def merge(history: Minutes, bars: BarBatch, sessions: Sessions, config: StreamConfig) -> tuple[Minutes, Update]:
    """Return all received bars of a symbol, and what new ones, in the order of their messages, bring.

    Those already in the history, or twice in `bars`, bring nothing. A window is known when the newest bar until its
    last one is.
    """
    new = _new(history, bars)
    received = _concat(history, new.bars)
    received = select(received, np.argsort(received.ts, kind="stable"))
    minutes = gaps.fill(received, sessions, config.limit)
    at = np.searchsorted(minutes.ts, new.bars.ts)
    complete = np.isin(at, features.window_ends(minutes, sessions, config.window, config.limit))
    values = features.rows(minutes, sessions)[at[complete][:, None] + np.arange(1 - config.window, 1)]
    slot = int(bars.slot[0])
    ends = select(minutes, at[complete])
    windows = Windows.of(np.full(len(ends), slot), ends, new.known[complete], sessions, [values])
    around = select(minutes, _filled_around(minutes, received, new.bars.ts))
    rows, late = _concat(around, new.bars), np.concatenate([np.zeros(len(around), dtype=bool), new.late])
    return received, Update(np.full(len(rows), slot), rows, late, windows)


def _new(history: Minutes, bars: BarBatch) -> _New:
    minutes = bars.minutes
    before = np.maximum.accumulate(np.append(history.ts[-1:] if len(history) else [-1], minutes.ts))[:-1]
    _, first = np.unique(minutes.ts, return_index=True)  # ascending; of two for one minute the first one stays
    first = first[~np.isin(minutes.ts[first], history.ts)]
    known = np.maximum(minutes.ts, before)[first] + MINUTE
    return _New(select(minutes, first), minutes.ts[first] < before[first], known)


def _filled_around(minutes: Minutes, received: Minutes, new: np.ndarray) -> np.ndarray:
    """Return the places of the filled bars that new ones may have changed: up to the received neighbours."""
    if len(new) == 0:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(received.ts, [new[0], new[-1]])
    low, high = received.ts[max(first - 1, 0)], received.ts[min(last + 1, len(received) - 1)]
    return np.flatnonzero(minutes.filled & (minutes.ts > low) & (minutes.ts < high))


def _concat(first: Minutes, second: Minutes) -> Minutes:
    return Minutes(**{name: np.concatenate([column, getattr(second, name)]) for name, column in vars(first).items()})
