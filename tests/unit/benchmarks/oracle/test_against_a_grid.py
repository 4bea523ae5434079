"""Where a minute moves the price by about one tick, the filter is held against an exact one that counts on a grid."""

from dataclasses import replace

import numpy as np
from scipy.special import ndtr  # scipy.stats, which has the normal distribution by name, takes 3 s to import

from benchmarks.oracle import best
from sandbox.market import KINDS, Market
from sandbox.market.market_kinds import FULL
from sandbox.market.profile import profile
from tests.unit.sandbox.markets import FIRST, XNYS, skill, targets

# a dime as the tick, so that it is about as large as a minute's move; nothing hidden but the price
COARSE = Market(7, XNYS, replace(KINDS["strong"], decimals=1, swing=0, unrest=0, curve=0, silence=0, halts=0))


def exact(closes: np.ndarray, first: float, deviation: float) -> np.ndarray:
    """Return the median of each next close: Bayes' rule on a grid of prices, one session at a time, slow and naive."""
    grid = np.arange(closes.min() - 1.5, closes.max() + 1.5, 0.025)
    noise = 1.5 * deviation
    step = np.exp(-0.5 * (np.arange(-1, 1.001, 0.025) / deviation) ** 2)
    edges = np.round(np.arange(grid[0], grid[-1], 0.1), 1)
    chance = _seen(grid, first, noise)
    found = []
    for close in closes:
        chance = np.convolve(chance, step, mode="same") * _seen(grid, close, noise)
        chance /= chance.sum()
        upto = ndtr((edges[:, None] + 0.05 - grid) / np.hypot(noise, deviation)) @ chance
        found.append(edges[np.searchsorted(upto, 0.5)])
    return np.array(found)


def _seen(grid: np.ndarray, price: float, noise: float) -> np.ndarray:
    return ndtr((price + 0.05 - grid) / noise) - ndtr((price - 0.05 - grid) / noise)


def test_it_is_as_good_as_the_exact_filter():
    bars = COARSE.regular("GOOGL", range(FIRST, FIRST + 2))
    deviation = bars.values[:, 3].mean() * profile(7, "GOOGL").volatility / np.sqrt(FULL)
    assert 0.3 < deviation / 0.1 < 1.5
    sessions = np.split(bars.values, 2)
    naive = np.concatenate([exact(each[:, 3], each[0, 0], deviation) for each in sessions])
    found = best(COARSE, "GOOGL", bars)
    known = np.isfinite(targets(bars)) & np.isfinite(found)
    assert (np.abs(found - naive)[known] < 0.11).all()
    assert (np.abs(found - naive)[known] < 0.01).mean() > 0.9
    assert abs(skill(bars, found) - skill(bars, naive)) < 0.005
