"""Merge new bars of one symbol into its history, in whatever order they come: what to store, and which windows.

These are the rules in full; `in_order` does the same for many symbols at once where bars come in order.
"""

from dataclasses import dataclass

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.in_order import Update, Windows
from serving.stream_config import StreamConfig
from stock_ml.domain import gaps
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialCloses
from stock_ml.domain.outliers import outliers
from stock_ml.model import features


@dataclass(frozen=True, eq=False)
class _New:
    bars: Minutes
    late: np.ndarray
    known: np.ndarray


@dataclass(frozen=True, eq=False)
class _Rows:
    minutes: Minutes
    late: np.ndarray
    outlier: np.ndarray


def merge(
    history: Minutes, bars: BarBatch, sessions: Sessions, config: StreamConfig, closes: OfficialCloses
) -> tuple[Minutes, Update]:
    """Return all received bars of a symbol, and what new ones, in the order of their messages, bring.

    Those already in the history, or twice in `bars`, bring nothing. A window is known when the newest bar until its
    last one is. Bars that the new ones make outliers, or no outliers any more, are stored again.
    """
    new = _new(history, bars)
    received = history.concat(new.bars)
    received = received.select(np.argsort(received.ts, kind="stable"))
    outlier = outliers(received, sessions, config.limit)
    minutes = gaps.fill(received.select(~outlier), sessions, config.limit)
    slot = int(bars.slot[0])
    table = features.rows(minutes, sessions, closes.before(minutes.ts, sessions))
    windows = _windows(slot, new, minutes, table, config)
    changed = _changed(history, received, outlier, sessions, config.limit)
    rows = _rows(minutes, received, outlier, new, changed)
    return received, Update(np.full(len(rows.late), slot), rows.minutes, rows.late, rows.outlier, windows)


def _windows(slot: int, new: _New, minutes: Minutes, table: np.ndarray, config: StreamConfig) -> Windows:
    """Return the windows that end at new bars; `table` has the CHANNELS of all minutes."""
    sessions = config.sessions_of(config.names[slot])
    at = np.searchsorted(minutes.ts, new.bars.ts)
    complete = np.isin(at, features.window_ends(minutes, sessions, config.window, config.limit))
    complete &= np.isin(new.bars.ts, minutes.ts)
    values = table[at[complete][:, None] + np.arange(1 - config.window, 1)]
    ends = minutes.select(at[complete])
    return Windows.of(np.full(len(ends), slot), ends, new.known[complete], sessions, [values])


def _changed(history: Minutes, received: Minutes, outlier: np.ndarray, sessions: Sessions, limit: int) -> np.ndarray:
    """Say of received bars whether they were known, and the new ones change whether they are outliers, (n,)."""
    known = np.flatnonzero(np.isin(received.ts, history.ts))
    changed = np.zeros(len(received), dtype=bool)
    changed[known] = outlier[known] != outliers(history, sessions, limit)
    return changed


def _rows(minutes: Minutes, received: Minutes, outlier: np.ndarray, new: _New, changed: np.ndarray) -> _Rows:
    """Return the rows to store: new bars, changed ones, and the filled ones around both where no outlier stands."""
    stored = changed | np.isin(received.ts, new.bars.ts)
    around = _filled_around(minutes, received.select(~outlier), received.ts[stored])
    around = around[~np.isin(minutes.ts[around], received.ts[outlier])]
    nothing = np.zeros(len(around), dtype=bool)
    late = np.isin(received.ts[stored], new.bars.ts[new.late])
    rows = minutes.select(around).concat(received.select(stored))
    return _Rows(rows, np.concatenate([nothing, late]), np.concatenate([nothing, outlier[stored]]))


def _new(history: Minutes, bars: BarBatch) -> _New:
    minutes = bars.minutes
    before = np.maximum.accumulate(np.append(history.ts[-1:] if len(history) else [-1], minutes.ts))[:-1]
    _, first = np.unique(minutes.ts, return_index=True)  # ascending; of two for one minute the first one stays
    first = first[~np.isin(minutes.ts[first], history.ts)]
    known = np.maximum(minutes.ts, before)[first] + MINUTE
    return _New(minutes.select(first), minutes.ts[first] < before[first], known)


def _filled_around(minutes: Minutes, usable: Minutes, ts: np.ndarray) -> np.ndarray:
    """Return the places of the filled bars that bars at `ts` may have changed: up to their usable neighbours."""
    if len(ts) == 0 or len(usable) == 0:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(usable.ts, [ts[0], ts[-1] + 1])
    low, high = usable.ts[max(first - 1, 0)], usable.ts[min(last, len(usable) - 1)]
    return np.flatnonzero(minutes.filled & (minutes.ts > low) & (minutes.ts < high))
