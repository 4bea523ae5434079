"""The official close of a session: the price of its closing auction, which is no minute; one rule for batch and stream.

Sources give it in a row exactly at the close. In an answer with extended hours that row may be their first minute
instead. So a row at the close is an official close where

- its minute was over when the source answered, and it keeps the rules of a bar;
- it has no volume, or more than each minute of the session's last half hour;
- its price is no farther from the median close of the last NEAREST of these minutes than `domain.outliers` calls
  usual: FLOOR, or DEVIATIONS times their median return.

The last half hour decides, as the newest answer of a source holds it as a whole month does; of an answer that does not
reach back so far nothing is taken. Of several rows the one with the largest volume counts, and of those the highest
price. A lunch break has no auction, and none has a session that touches the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.domain.bars import epoch
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.outliers import DEVIATIONS, FLOOR, NEAREST

LAST = 1800  # seconds before the close that are looked at
NONE = -1  # the close before a minute that follows none
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class OfficialClose(NamedTuple):
    """Hold the official close of a session; `ts` is when it closes, in UTC epoch seconds.

    `volume` is the auction's, 0 where the source does not tell it.
    """

    symbol: str
    ts: int
    close: float
    volume: float
    source: str


@dataclass(frozen=True, eq=False)
class OfficialCloses:
    """Hold the official closes of one symbol, ascending: `ts` when the session closes, UTC epoch seconds, both (k,)."""

    ts: Ints
    close: Floats

    @classmethod
    def of_bars(cls, bars: pd.DataFrame, sessions: Sessions) -> "OfficialCloses":
        """Take them from a symbol's clean bars, ascending, which hold one in a bar of its session."""
        known = bars[bars["official_close"].notna()]
        number = sessions.number(epoch(known["ts"]))
        return cls(sessions.closes[number], known["official_close"].to_numpy(np.float64))

    @classmethod
    def of(cls, closes: Sequence[OfficialClose]) -> "OfficialCloses":
        """Take single ones, ascending, one a session."""
        ts = np.array([close.ts for close in closes], dtype=np.int64)
        return cls(ts, np.array([close.close for close in closes], dtype=np.float64))

    def look_up(self, ts: Ints) -> Floats:
        """Return the official close at each time, NaN where none is known, (n,)."""
        if len(self.ts) == 0:
            return np.full(len(ts), np.nan)
        at = np.minimum(np.searchsorted(self.ts, ts), len(self.ts) - 1)
        return np.where(self.ts[at] == ts, self.close[at], np.nan)

    def before(self, ts: Ints, sessions: Sessions) -> Floats:
        """Return for each minute the official close of the session before it, as `closes_before` finds that, (n,)."""
        return self.look_up(closes_before(ts, sessions) if len(self.ts) else ts)


NO_CLOSES = OfficialCloses(np.empty(0, dtype=np.int64), np.empty(0))


def closes_before(ts: Ints, sessions: Sessions) -> Ints:
    """Return when the session before each minute closed, (n,) in UTC epoch seconds.

    NONE behind a lunch break, in a session that touches the one before, and outside of sessions.
    """
    number = sessions.number(ts)
    earlier = np.maximum(number - 1, 0)
    opening = sessions.period(ts) == sessions.period(sessions.opens[number])
    parted = (number >= 1) & (sessions.closes[earlier] < sessions.opens[number])
    return np.where(opening & parted, sessions.closes[earlier], NONE)


def find(minutes: pd.DataFrame, others: pd.DataFrame, sessions: Sessions) -> NDArray[np.bool_]:
    """Say of rows outside of sessions which are official closes, (n,), by the minutes of the same answer.

    Both have ts (UTC epoch seconds), close and volume; all keep the rules of a bar and were over when the source
    answered, and no minute is there twice.
    """
    ts = others["ts"].to_numpy(np.int64)
    near = np.minimum(np.searchsorted(sessions.closes, ts), len(sessions.closes) - 1)
    found = (sessions.closes[near] == ts) & (sessions.number(ts) < 0)
    if found.any() and len(minutes):
        received = minutes["ts"].to_numpy(np.int64)
        order = np.argsort(received, kind="stable")
        received = received[order]
        prices, volumes = (minutes[name].to_numpy(np.float64)[order] for name in ("close", "volume"))
        close, volume = (others[name].to_numpy(np.float64) for name in ("close", "volume"))
        for at in np.flatnonzero(found).tolist():
            before = _half_hour(received, int(ts[at]))
            found[at] = _is_official(prices[before], volumes[before], float(close[at]), float(volume[at]))
    return np.asarray(found & (len(minutes) > 0))


def _half_hour(ts: Ints, close: int) -> slice:
    """Return where the minutes before a close are, nowhere where the answer does not reach back so far."""
    first, end = np.searchsorted(ts, [close - LAST, close]).tolist()
    return slice(first, end) if ts[0] <= close - LAST else slice(0, 0)


def _is_official(prices: Floats, volumes: Floats, close: float, volume: float) -> bool:
    """Say whether a price and its volume are those of an auction after these minutes, both (n,)."""
    largest = float(volumes.max(initial=0.0))
    if largest <= 0 or 0 < volume <= largest:
        return False
    logs = np.log(prices)
    returns = np.abs(np.diff(logs))
    usual = max(FLOOR, DEVIATIONS * float(np.median(returns)) if len(returns) else 0.0)
    return bool(abs(np.log(close) - np.median(logs[-NEAREST:])) <= usual)
