"""A simulated market: any session of any symbol on demand, the same for ever for one seed. Pure numpy."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from zlib import crc32

import numpy as np

from stock_ml.bars import MINUTE
from stock_ml.sessions import Sessions

REVERSION, DAILY, NIGHT = 0.002, 0.012, 0.008  # pull of log prices to their level a day; volatility of day and night
BOUNCE = 0.7  # half the spread, in volatilities of a minute: trades hit bid or ask, which leaves a little to predict
SILENT = 0.06  # share of minutes without a trade
BEFORE, AFTER, EXTENDED = 330, 240, 15  # minutes of extended hours, and how many bars each of the two has


@dataclass(frozen=True)
class Day:
    """Hold one session's bars, extended hours included, ascending: `ts` int64 (n,), `values` (n, 5) open … volume."""

    ts: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Market:
    """Simulate all symbols of one exchange; `seed` makes it another market."""

    seed: int
    sessions: Sessions

    def day(self, symbol: str, number: int) -> Day:
        """Return the bars of one session of a symbol, prices in whole cents."""
        return _day(self.seed, symbol, number, *self._edges(symbol, number))

    def _edges(self, symbol: str, number: int) -> tuple[int, int, float, float]:
        opens, closes = _daily(self.seed, symbol, len(self.sessions.dates))
        edge = self.sessions
        return int(edge.opens[number]), int(edge.closes[number]), float(opens[number]), float(closes[number])


def _random(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


@lru_cache(maxsize=64)
def _daily(seed: int, symbol: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log prices at the open and the close of every session: a walk pulled back to the symbol's level."""
    random = _random(seed, crc32(symbol.encode()))
    level = np.log(random.uniform(70, 220))
    night, day = random.standard_normal((2, n)) * [[NIGHT], [DAILY]]
    steps = np.concatenate(([0.0], night + day))
    walk = np.array(list(accumulate(steps.tolist(), lambda x, step: (1 - REVERSION) * x + step)))
    closes = level + np.clip(walk, -0.8, 0.8)
    return closes[:-1] + night, closes[1:]


@lru_cache(maxsize=2048)
def _day(seed: int, symbol: str, number: int, *edges: float) -> Day:
    random = _random(seed, crc32(symbol.encode()), number)
    opens, closes, first, last = edges
    n = int(closes - opens) // MINUTE
    ts, values = _regular(random, n, first, last)
    before = _extended(random, np.arange(-BEFORE, 0), first)
    after = _extended(random, np.arange(n, n + AFTER), last)
    minutes = np.concatenate([before[0], ts, after[0]])
    found = np.concatenate([before[1], values, after[1]])
    for array in (minutes, found):
        array.setflags(write=False)
    return Day(int(opens) + MINUTE * minutes, found)


def _regular(random: np.random.Generator, n: int, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """Return minutes and values of regular hours: a bridge from open to close, busier at both ends."""
    sigma = _volatility(n)
    path = _bridge(random.standard_normal(n) * sigma, sigma, last - first) + first
    sides = random.choice([-1.0, 1.0], size=(2, n)) * BOUNCE * sigma
    start, end = np.concatenate(([first], path[:-1])) + sides[0], path + sides[1]
    reach = np.abs(random.standard_normal((2, n))) * 0.4 * sigma
    high, low = np.maximum(start, end) + reach[0], np.minimum(start, end) - reach[1]
    volume = _volume(random, sigma / sigma.mean())
    traded = random.random(n) >= SILENT * np.minimum(sigma.mean() / sigma, 2.0)
    traded[[0, 1, -1]] = True  # the auctions always trade
    return np.flatnonzero(traded), _rows(np.stack([start, high, low, end]), volume)[traded]


def _volatility(n: int) -> np.ndarray:
    place = np.linspace(-1.0, 1.0, n)
    shape = 0.7 + 0.9 * place**4 + 0.5 * (place < 0) * place**10
    return np.asarray(DAILY / np.sqrt(n) * shape / np.sqrt((shape**2).mean()))


def _bridge(steps: np.ndarray, sigma: np.ndarray, whole: float) -> np.ndarray:
    walk, share = np.cumsum(steps), np.cumsum(sigma**2) / (sigma**2).sum()
    return np.asarray(walk + share * (whole - walk[-1]))


def _volume(random: np.random.Generator, busy: np.ndarray) -> np.ndarray:
    volume = 4000 * busy**2 * np.exp(0.6 * random.standard_normal(len(busy)))
    volume[0] += 60_000  # the opening auction
    volume[-1] += 30_000
    return np.maximum(np.round(volume), 1.0)


def _extended(random: np.random.Generator, minutes: np.ndarray, price: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a few thin bars around a price."""
    at = np.sort(random.choice(minutes, size=EXTENDED, replace=False))
    prices = price + 0.001 * random.standard_normal((2, EXTENDED))
    ends = np.stack([prices[0], prices.max(axis=0), prices.min(axis=0), prices[1]])
    return at, _rows(ends, np.round(random.uniform(10, 900, EXTENDED)))


def _rows(logs: np.ndarray, volume: np.ndarray) -> np.ndarray:
    cents = np.maximum(np.round(np.exp(logs), 2), 0.01)
    return np.column_stack([*cents, volume])
