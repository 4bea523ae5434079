"""Merge new bars of one symbol into its history, in whatever order they come: what to store, and which windows.

These are the rules in full; `in_order` does the same for many symbols at once where bars come in order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.in_order import Update, Windows
from serving.consumer.versions import in_turn
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


class Merged(NamedTuple):
    """Hold all `received` bars of a symbol, what new ones bring, one update after another, and `older` versions.

    `unfilled` are the slot, and minutes, (k,) in UTC epoch seconds, that were filled and are not any more.
    """

    received: BarBatch
    updates: list[Update]
    older: BarBatch
    unfilled: tuple[int, np.ndarray]


def merge(
    history: BarBatch, bars: BarBatch, sessions: Sessions, config: StreamConfig, closes: OfficialCloses
) -> Merged:
    """Merge the bars of a symbol, in the order of their messages, into its history: those that are known bring nothing.

    A correction is an update of its own with the bars that follow it, so that no bar before it knows of it.
    """
    runs, older = in_turn(history, bars)
    updates, received = [], history
    for run in runs:
        received, update = merge_run(received, run, sessions, config, closes)
        updates.append(update)
    unfilled = int(bars.slot[0]), _unfilled(history, updates, received, sessions, config.limit)
    return Merged(received, updates, older, unfilled)


def _unfilled(
    history: BarBatch, updates: list[Update], received: BarBatch, sessions: Sessions, limit: int
) -> np.ndarray:
    """Return which minutes that were filled are not any more, (k,): a bar beside them became an outlier."""
    if not any(update.outlier.any() for update in updates):
        return np.empty(0, dtype=np.int64)
    filled = [_filled(history, sessions, limit), *(update.minutes.ts[update.minutes.filled] for update in updates)]
    return np.setdiff1d(np.concatenate(filled), np.append(_filled(received, sessions, limit), received.ts))


def _filled(received: BarBatch, sessions: Sessions, limit: int) -> np.ndarray:
    """Return the minutes to fill between received bars, (k,)."""
    minutes = received.minutes
    found = gaps.fill(minutes.select(~outliers(minutes, sessions, limit)), sessions, limit)
    return np.asarray(found.ts[found.filled])


def merge_run(
    history: BarBatch, bars: BarBatch, sessions: Sessions, config: StreamConfig, closes: OfficialCloses
) -> tuple[BarBatch, Update]:
    """Return all received bars of a symbol, and what new ones, of different minutes, bring.

    A bar that the history has is corrected: it is stored, and no window ends at it. A window is known when the newest
    bar until its last one is. Bars that the new ones make outliers, or no outliers any more, are stored again.
    """
    corrects = np.isin(bars.ts, history.ts)
    new = _new(history, bars.select(~corrects))
    received = _corrected(history, bars.select(corrects)).concat(bars.select(~corrects))
    received = received.select(np.argsort(received.ts, kind="stable"))
    outlier = outliers(received.minutes, sessions, config.limit)
    minutes = gaps.fill(received.minutes.select(~outlier), sessions, config.limit)
    table = features.rows(minutes, sessions, closes.before(minutes.ts, sessions))
    windows = _windows(int(bars.slot[0]), new, minutes, table, config)
    stored = _changed(history, received, outlier, sessions, config.limit) | np.isin(received.ts, bars.ts)
    rows, revision = _rows(minutes, received, outlier, stored)
    marked = (new.bars.ts[new.late], received.ts[outlier], bars.ts[corrects])
    late, unusual, correction = (np.isin(rows.ts, ts) for ts in marked)
    return received, Update(np.full(len(rows), bars.slot[0]), rows, late, unusual, revision, correction, windows)


def _corrected(history: BarBatch, corrections: BarBatch) -> BarBatch:
    at = np.searchsorted(history.ts, corrections.ts)
    values, revision = history.values.copy(), history.revision.copy()
    values[:, at], revision[at] = corrections.values, corrections.revision
    return BarBatch(history.slot, history.ts, values, revision)


def _windows(slot: int, new: _New, minutes: Minutes, table: np.ndarray, config: StreamConfig) -> Windows:
    """Return the windows that end at new bars; `table` has the CHANNELS of all minutes."""
    sessions = config.sessions_of(config.names[slot])
    at = np.searchsorted(minutes.ts, new.bars.ts)
    complete = np.isin(at, features.window_ends(minutes, sessions, config.window, config.limit))
    complete &= np.isin(new.bars.ts, minutes.ts)
    values = table[at[complete][:, None] + np.arange(1 - config.window, 1)]
    ends = minutes.select(at[complete])
    return Windows.of(np.full(len(ends), slot), ends, new.known[complete], sessions, [values])


def _changed(history: BarBatch, received: BarBatch, outlier: np.ndarray, sessions: Sessions, limit: int) -> np.ndarray:
    """Say of received bars whether they were known, and the new ones change whether they are outliers, (n,)."""
    known = np.flatnonzero(np.isin(received.ts, history.ts))
    changed = np.zeros(len(received), dtype=bool)
    changed[known] = outlier[known] != outliers(history.minutes, sessions, limit)
    return changed


def _rows(minutes: Minutes, received: BarBatch, outlier: np.ndarray, stored: np.ndarray) -> tuple[Minutes, np.ndarray]:
    """Return the rows to store, and their revisions: `stored` ones of received bars, and filled ones around them.

    No filled one is stored where an outlier stands.
    """
    bars = received.select(stored)
    around = _filled_around(minutes, received.select(~outlier), bars.ts)
    around = around[~np.isin(minutes.ts[around], received.ts[outlier])]
    revision = np.concatenate([np.zeros(len(around), dtype=np.int16), bars.revision])
    return minutes.select(around).concat(bars.minutes), revision


def _new(history: BarBatch, bars: BarBatch) -> _New:
    minutes = bars.minutes
    before = np.maximum.accumulate(np.append(history.ts[-1:] if len(history) else [-1], minutes.ts))[:-1]
    order = np.argsort(minutes.ts)
    known = np.maximum(minutes.ts, before)[order] + MINUTE
    return _New(minutes.select(order), minutes.ts[order] < before[order], known)


def _filled_around(minutes: Minutes, usable: BarBatch, ts: np.ndarray) -> np.ndarray:
    """Return the places of the filled bars that bars at `ts` may have changed: up to their usable neighbours."""
    if len(ts) == 0 or len(usable) == 0:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(usable.ts, [ts[0], ts[-1] + 1])
    low, high = usable.ts[max(first - 1, 0)], usable.ts[min(last, len(usable) - 1)]
    return np.flatnonzero(minutes.filled & (minutes.ts > low) & (minutes.ts < high))
