"""Bars of regular hours as a table of sessions by minutes, beside what is known of each minute beforehand."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from sandbox.market import Day, Kind, Market
from sandbox.market.bars import silence
from sandbox.market.calendar import day_of
from sandbox.market.profile import profile
from sandbox.market.shape import curve
from sandbox.market.splits import splits
from stock_ml.domain.bars import MINUTE


@dataclass(frozen=True, eq=False)
class Table:
    """Hold log prices (NaN where there is no bar) and minutes' clocks of d sessions by n minutes.

    `open` (d,) is the first minute's; `usual` and `quiet` are what is known of a minute before it: its usual clock, its
    chance of no trade (NaN after the close). `clock` is what its volume told, the usual where there was no bar.
    """

    kind: Kind
    open: np.ndarray
    close: np.ndarray
    clock: np.ndarray
    usual: np.ndarray
    quiet: np.ndarray
    place: tuple[np.ndarray, np.ndarray]  # session and minute of each bar

    @classmethod
    def of(cls, market: Market, symbol: str, bars: Day) -> Self:
        """Lay out bars of regular hours, as traded, ascending."""
        calendar = market.sessions
        numbers, session = np.unique(calendar.number(bars.ts), return_inverse=True)
        minute = calendar.minute(bars.ts)
        before = [_before(market, symbol, number) for number in numbers.tolist()]
        n = max((len(each) for each, _ in before), default=0)
        usual, quiet = (np.stack([_padded(each[i], n) for each in before]) for i in (0, 1))
        close, volume = (np.full(usual.shape, np.nan) for _ in range(2))
        close[session, minute] = np.log(bars.values[:, 3])
        volume[session, minute] = bars.values[:, 4]
        first = np.full(len(numbers), np.nan)
        first[session[minute == 0]] = np.log(bars.values[minute == 0, 0])
        clock = _clock(usual, quiet, volume / _shares(market, symbol, numbers)[:, None])
        return cls(market.kind, first, close, clock, usual, quiet, (session, minute))

    @cached_property
    def rounding(self) -> np.ndarray:
        """Return half a tick in log price at each close, (d, n); 0 where prices are never rounded."""
        half = 0.0 if self.kind.whole_ticks else self.kind.tick / 2
        return np.asarray(half * np.exp(-self.close))


def _before(market: Market, symbol: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    calendar = market.sessions
    n = int(calendar.closes[number] - calendar.opens[number]) // MINUTE
    return curve(market.kind, n), silence(market.kind, profile(market.seed, symbol).silence, n)


def _padded(values: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([values, np.full(n - len(values), np.nan)])


def _shares(market: Market, symbol: str, numbers: np.ndarray) -> np.ndarray:
    """Return a usual minute's shares in each session, splits counted."""
    day = day_of(market.sessions)
    ramp = splits(market.seed, symbol).ramp(int(day[-1]) + 1)[day[numbers]]
    return np.asarray(profile(market.seed, symbol).volume * np.exp(-ramp))


def _clock(usual: np.ndarray, quiet: np.ndarray, volume_clock: np.ndarray) -> np.ndarray:
    # the auctions' volume, in minutes that are never quiet, tells nothing of the minute's own
    return np.where(np.isfinite(volume_clock) & (quiet > 0), volume_clock, usual)
