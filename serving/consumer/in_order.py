"""In-order bars of many symbols at once: what to fill before each, and which of them complete a window."""

from dataclasses import dataclass

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.recent_closes import RecentCloses
from serving.consumer.ring_buffers import NONE, Newest, Rows
from serving.stream_config import StreamConfig
from stock_ml.domain import gaps, splits
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model import features
from stock_ml.model.features import Floats


@dataclass(frozen=True, eq=False)
class Windows:
    """Hold complete windows, (n,) each but `values`, the windows themselves, (n, W, C), some at a time.

    `slot` of the symbol, `ts` and `close` of the last bar, when that bar was `known`, and its `session`, a date.
    `period_close` is when its trading period ends, in UTC epoch seconds as the other times.
    """

    slot: np.ndarray
    ts: np.ndarray
    close: np.ndarray
    known: np.ndarray
    session: np.ndarray
    period_close: np.ndarray
    values: list[Floats]

    @classmethod
    def of(
        cls, slot: np.ndarray, ends: Minutes, known: np.ndarray, sessions: Sessions, values: list[Floats]
    ) -> "Windows":
        """Return windows whose last bars are `ends`, all in the same sessions."""
        dates, closes = sessions.dates[sessions.number(ends.ts)], sessions.periods.closes[sessions.period(ends.ts)]
        return cls(slot, ends.ts, ends.close, known, dates, closes, values)


@dataclass(frozen=True, eq=False)
class Update:
    """Hold what new bars bring: rows to store, and complete windows.

    By row, (r,): the symbol's `slot`, `minutes`, whether the bar was `late`, and whether it is an `outlier`; the number
    of its `revision`, and whether it is a `correction` of a bar that was known: such a close is no new outcome.
    """

    slot: np.ndarray
    minutes: Minutes
    late: np.ndarray
    outlier: np.ndarray
    revision: np.ndarray
    correction: np.ndarray
    windows: Windows

    def with_outliers(self, bars: BarBatch, occupied: np.ndarray) -> "Update":
        """Add outliers to store; a filled row where one stands, or stood before (`occupied`, (r,)), is left out."""
        if not len(bars) and not occupied.any():
            return self
        keep = ~occupied & ~np.isin(_keys(self.slot, self.minutes.ts), _keys(bars.slot, bars.ts))
        minutes, slot = self.minutes.select(keep).concat(bars.minutes), np.concatenate([self.slot[keep], bars.slot])
        new = np.arange(len(slot)) >= len(slot) - len(bars)
        none = np.zeros(len(slot), dtype=bool)  # in order no bar is late, and none is a correction
        return Update(slot, minutes, none, new, none.astype(np.int16), none, self.windows)


def _keys(slot: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """Return one number for each symbol and minute."""
    return np.asarray((slot << 40) + ts)


def fill(bars: BarBatch, newest: Newest, sessions: Sessions, config: StreamConfig, closes: RecentCloses) -> Rows:
    """Return bars with filled ones before them where a short hole lies; `newest` is what each bar's symbol has, (n,).

    The bars are sorted by symbol and time. Each is newer than all that its symbol has; all follow the same sessions.
    `closes` are the official ones of all symbols.
    """
    first, close = bars.is_first, bars.columns["close"]
    before = Newest(
        np.where(first, newest.ts, np.concatenate([newest.ts[:1], bars.ts[:-1]])),
        np.where(first, newest.close, np.concatenate([newest.close[:1], close[:-1]])),
        newest.run,
    )
    missing, joined = _steps(bars, before, sessions, config.limit)
    run = _run(before.run, missing + 1, first, joined)
    slot, minutes, at = _with_filled(bars, missing, before.close)
    return Rows(slot, minutes, features.rows(minutes, sessions, closes.before(slot, minutes.ts, sessions)), at, run)


def update(rows: Rows, complete: np.ndarray, values: list[Floats], sessions: Sessions) -> Update:
    """Return what appended rows bring: the windows that end at `complete`, some of their received bars."""
    at = rows.at[complete]
    ends = rows.minutes.select(at)
    windows = Windows.of(rows.slot[at], ends, ends.ts + MINUTE, sessions, values)
    none = np.zeros(len(rows.slot), dtype=bool)
    return Update(rows.slot, rows.minutes, none, none, none.astype(np.int16), none, windows)


def _steps(bars: BarBatch, before: Newest, sessions: Sessions, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many minutes to fill before each bar, and whether no feed gap and no split lies there, both (n,)."""
    missing = np.where(before.ts != NONE, gaps.missing(before.ts, bars.ts, sessions, limit), 0)
    near = gaps.is_contiguous(sessions.index(before.ts), sessions.index(bars.ts), limit)
    joined = (before.ts != NONE) & ((missing > 0) | near)
    night = np.flatnonzero(joined & (sessions.number(bars.ts) != sessions.number(before.ts)))
    change = np.log(before.close[night]) - np.log(bars.columns["open"][night])
    joined[night] = splits.may_cross(change)
    return missing, joined


def _run(known: np.ndarray, rows: np.ndarray, first: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Return how many rows there are from the last break to each bar: it counts on from what is known of a symbol."""
    total = np.cumsum(rows)
    offset = np.where(joined, total - rows - known, total - 1)  # what to subtract from here on, where a run begins
    begins = np.maximum.accumulate(np.where(first | ~joined, np.arange(len(rows)), 0))
    return np.asarray(total - offset[begins])


def _with_filled(bars: BarBatch, missing: np.ndarray, close: np.ndarray) -> tuple[np.ndarray, Minutes, np.ndarray]:
    """Return the rows with those filled before each bar: slot, minutes, and where the bars are."""
    at = np.cumsum(missing + 1) - 1
    of = np.repeat(np.arange(len(bars)), missing + 1)
    back = at[of] - np.arange(len(of))
    new = back > 0
    prices = {name: np.where(new, close[of], column[of]) for name, column in bars.columns.items()}
    prices["volume"] = np.where(new, 0.0, prices["volume"])
    return bars.slot[of], Minutes(ts=bars.ts[of] - back * MINUTE, filled=new, **prices), at
