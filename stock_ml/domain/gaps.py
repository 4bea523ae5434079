"""Fill short holes between received bars: one rule for batch and stream, applied when the next received bar arrives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE, PRICES, Bar, epoch
from stock_ml.domain.calendar import Sessions

IMPROBABLE = 1e-8  # trades come in bursts, which makes long holes more frequent than chance would
LEAST_SHARE = 1e-3  # of minutes with a trade, below which every hole is silence


@dataclass(frozen=True, eq=False)
class Minutes:
    """Hold the bars of ONE symbol, ascending; `ts` int64 epoch seconds, numbers float64, `filled` bool, all (n,)."""

    ts: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    filled: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    def select(self, at: np.ndarray | slice) -> "Minutes":
        """Return the bars that a mask, a slice or indices choose."""
        return Minutes(**{name: column[at] for name, column in vars(self).items()})

    def concat(self, other: "Minutes") -> "Minutes":
        """Return these bars, and others after them."""
        return Minutes(**{name: np.concatenate([one, getattr(other, name)]) for name, one in vars(self).items()})

    @classmethod
    def of_frame(cls, bars: pd.DataFrame) -> "Minutes":
        """Take the bars of one symbol from a frame, `ts` in UTC; where it has no `filled` all are received."""
        values = {c: bars[c].to_numpy(np.float64) for c in (*PRICES, "volume")}
        filled = bars["filled"].to_numpy(bool) if "filled" in bars else np.zeros(len(bars), dtype=bool)
        return cls(ts=epoch(bars["ts"]), filled=filled, **values)

    @classmethod
    def of_bars(cls, bars: Sequence[Bar]) -> "Minutes":
        """Take received bars of one symbol, ascending."""
        values = {c: np.array([getattr(bar, c) for bar in bars], dtype=np.float64) for c in (*PRICES, "volume")}
        ts = np.array([bar.ts for bar in bars], dtype=np.int64)
        return cls(ts=ts, filled=np.zeros(len(ts), dtype=bool), **values)


def fill(bars: Minutes, sessions: Sessions, limit: int) -> Minutes:
    """Insert flat bars, volume 0 and `filled`, into holes of at most `limit` minutes inside one trading period.

    Every hole that is filled has a bar on both sides, so nothing is known before it arrives; longer holes
    (feed gaps), lunch breaks and nights stay empty. Filling twice changes nothing.
    """
    repeats = 1 + _missing(bars.ts, sessions, limit)
    source = np.repeat(np.arange(len(bars)), repeats)
    step = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    new, close = step > 0, bars.close[source]
    values = {c: np.where(new, close, getattr(bars, c)[source]) for c in PRICES}
    values["volume"] = np.where(new, 0.0, bars.volume[source])
    return Minutes(ts=bars.ts[source] + step * MINUTE, filled=new | bars.filled[source], **values)


def _missing(ts: np.ndarray, sessions: Sessions, limit: int) -> np.ndarray:
    """Return how many minutes to fill after each bar, (n,); none after the last."""
    return np.append(missing(ts[:-1], ts[1:], sessions, limit), np.zeros(min(len(ts), 1), dtype=np.int64))


def missing(before: np.ndarray, ts: np.ndarray, sessions: Sessions, limit: int) -> np.ndarray:
    """Return how many minutes to fill between neighbouring received bars, (n,)."""
    period = sessions.period(ts)
    hole = (ts - before) // MINUTE - 1
    fillable = (period == sessions.period(before)) & (period >= 0) & (hole >= 1) & is_short(hole, limit)
    return np.where(fillable, hole, 0)


def is_short(minutes: np.ndarray, limit: int) -> np.ndarray:
    """Say of holes of so many minutes inside a trading period whether nobody traded, (n,); else the feed had a gap."""
    return minutes <= limit


def is_contiguous(before: np.ndarray, after: np.ndarray, limit: int) -> np.ndarray:
    """Say of neighbouring rows, given by their trading minutes, whether no feed gap lies between them, (n,)."""
    step = after - before
    return np.asarray((step >= 1) & (step <= limit + 1) & (before >= 0))


def longest_silence(share: float, limit: int) -> int:
    """Return the longest hole, in minutes, that is silence of a symbol which trades in this share of its minutes.

    A longer one would come once in 1 / IMPROBABLE holes if each minute had a trade by chance; it is a feed gap. So is
    none of at most `limit` minutes.
    """
    if share >= 1:
        return limit
    return max(limit, math.ceil(math.log(IMPROBABLE) / math.log1p(-max(share, LEAST_SHARE))))


@dataclass(frozen=True, eq=False)
class Holes:
    """Hold the regular minutes without a bar: `ts` of the first one, how many `minutes`, what they are; all (n,).

    A `short` one is no trade, a longer one a feed gap or the symbol's own silence.
    """

    ts: np.ndarray
    minutes: np.ndarray
    short: np.ndarray
    at_edge: np.ndarray  # before the first or after the last bar of a trading period: not filled, however short

    def total(self, chosen: np.ndarray) -> int:
        """Return the minutes of the holes chosen by a mask."""
        return int(self.minutes[chosen].sum())


def holes(ts: np.ndarray, sessions: Sessions, limit: int, span: tuple[float, float]) -> Holes:
    """Return the holes between received bars (opens, ascending) in the trading periods of a span, UTC epoch seconds.

    A period begun is looked at as far as the span goes.
    """
    periods = sessions.periods
    met = np.flatnonzero((periods.closes > span[0]) & (periods.opens + MINUTE <= span[1]))
    opens = np.maximum(periods.opens[met], int(-(-span[0] // MINUTE)) * MINUTE)
    closes = np.minimum(periods.closes[met], int(span[1] // MINUTE) * MINUTE)
    inside = ts[(ts >= span[0]) & (ts < span[1]) & (sessions.number(ts) >= 0)]
    points = np.sort(np.concatenate([opens - MINUTE, inside, closes]))
    hole = np.diff(points) // MINUTE - 1
    start = points[:-1] + MINUTE
    edge = np.isin(points[:-1], opens - MINUTE) | np.isin(points[1:], closes)
    found = (hole > 0) & (sessions.number(start) >= 0)
    return Holes(start[found], hole[found], is_short(hole, limit)[found], edge[found])
