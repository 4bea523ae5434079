"""The market as a whole: one session's bars at a time, or many."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.market.market_kinds import KINDS, Kind
from sandbox.market.session import session
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions

VERSION = 2  # of what a seed means: another number is another market, and an installation's history is of one


@dataclass(frozen=True)
class Day:
    """Hold bars, ascending: `ts` int64 (n,) UTC epoch seconds, `values` (n, 5) open … volume."""

    ts: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Market:
    """Simulate all symbols of one exchange; another `seed` or `kind` is another market."""

    seed: int
    sessions: Sessions
    kind: Kind = KINDS["realistic"]

    def day(self, symbol: str, number: int) -> Day:
        """Return one session's bars of a symbol, extended hours included, as traded: no split is adjusted for.

        Where sessions touch there are no extended hours: a neighbour's session is there.
        """
        minutes, values = _day(self, symbol, number)
        ts = self._times(number, minutes)
        if not self.sessions.is_continuous:
            return Day(ts, values)
        own = np.isin(self.sessions.number(ts), [number, -1])
        return Day(ts[own], values[own])

    def regular(self, symbol: str, numbers: range) -> Day:
        """Return the bars of regular hours of many sessions, as traded."""
        found = [self.day(symbol, number) for number in numbers]
        ts = np.concatenate([np.zeros(0, dtype=np.int64), *(day.ts for day in found)])
        values = np.concatenate([np.zeros((0, 5)), *(day.values for day in found)])
        inside = self.sessions.number(ts) >= 0
        return Day(ts[inside], values[inside])

    def _times(self, number: int, minutes: np.ndarray) -> np.ndarray:
        """Return when the trading minutes of a session begin; those before the open and from its length on go on."""
        length = self.sessions.lengths[number]
        inside = np.clip(minutes, 0, length - 1)
        beyond: np.ndarray = self.sessions.time(self.sessions.before[number] + inside) + MINUTE * (minutes - inside)
        return beyond


@lru_cache(maxsize=2048)
def _day(market: Market, symbol: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    return session(market.kind, market.seed, symbol, market.sessions, number)
