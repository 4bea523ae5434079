"""One symbol's sessions in short, cheap for all at once: price at the open, move to the close, volatility, volume."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np

from sandbox.market.calendar import day_of, minutes
from sandbox.market.daily_prices import Moves, in_ticks, rounded
from sandbox.market.market_kinds import FULL, Kind
from sandbox.market.profile import profile
from sandbox.market.random_streams import stream
from sandbox.market.splits import splits
from stock_ml.domain.calendar import FIRST, Sessions

NIGHT, TAILS = 0.6, 5  # volatility of a night, in days; degrees of freedom of its Student distribution
FIRST_DAY = int(np.datetime64(FIRST, "D").astype(np.int64))
UNREST = 0.7  # correlation of a symbol's unrest with that of all


@dataclass(frozen=True, eq=False)
class Days:
    """Hold a symbol's sessions, all (n,): log price at the open, volatility of a whole session, usual minute's volume.

    `ups` and `downs` are the moves of the session: a standard normal number each where prices are rounded (`downs` is
    0), counts of ticks where they walk in whole ticks.
    """

    opens: np.ndarray
    sigma: np.ndarray
    volume: np.ndarray
    ups: np.ndarray
    downs: np.ndarray


@lru_cache(maxsize=64)
def days(kind: Kind, seed: int, symbol: str, sessions: Sessions) -> Days:
    """Return all sessions of a symbol."""
    about, length = profile(seed, symbol), minutes(sessions)
    unrest, night, day = _shared(kind, seed, symbol, len(length))
    sigma = about.volatility * np.exp(kind.swing * unrest - kind.swing**2)
    if kind.turn:
        sigma[kind.turned(FIRST_DAY + np.arange(len(length)))] *= kind.turn.wilder
    ramp = splits(seed, symbol).ramp(len(length))
    moved = np.where(length > 0, NIGHT * sigma * night, 0.0)
    moves = Moves(about.level + ramp, moved, day, sigma * np.sqrt(length / FULL))
    walk = in_ticks if kind.whole_ticks else rounded
    opens, ups, downs = walk(moves, kind.tick, stream(seed, "ticks", symbol))
    volume = about.volume * np.exp(-ramp) * sigma / about.volatility
    at = day_of(sessions)
    return Days(*(part[at] for part in (opens, sigma, volume, ups, downs)))


def _shared(kind: Kind, seed: int, symbol: str, n: int) -> list[np.ndarray]:
    """Return unrest, nights and days of a symbol: part of each is common to all symbols."""
    shares = (UNREST, profile(seed, symbol).beta, profile(seed, symbol).beta)
    common, own = _drawn(kind, seed, "", n), _drawn(kind, seed, symbol, n)
    return [b * c + np.sqrt(1 - b**2) * o for b, c, o in zip(shares, common, own, strict=True)]


@lru_cache(maxsize=128)
def _drawn(kind: Kind, seed: int, symbol: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw unrest (a stationary AR(1)), nights and days, (n,) of variance 1 each; a longer draw begins the same."""
    steps = stream(seed, "unrest", symbol).standard_normal(n)
    steps[1:] *= np.sqrt(1 - kind.memory**2)
    unrest = np.array(list(accumulate(steps.tolist(), lambda x, step: kind.memory * x + step)))
    night = stream(seed, "nights", symbol).standard_t(TAILS, n) / np.sqrt(TAILS / (TAILS - 2))
    return unrest, night, stream(seed, "days", symbol).standard_normal(n)
