"""The simulated market looks like minutes of a stock: what docs/sandbox.md draws, as bounds."""

import numpy as np
import pytest

from sandbox.market import Day, Market
from sandbox.market.shape import curve
from tests.unit.sandbox.markets import FIRST, FIVE, REALISTIC, STRONG, WALK, XNYS

MANY = range(FIRST, FIRST + 60)


def returns(market: Market, symbol: str, numbers: range = MANY) -> np.ndarray:
    """Return one-minute log returns inside sessions, (sessions, 389), NaN where a bar is missing."""
    bars = market.regular(symbol, numbers)
    closes = np.full((len(numbers), 390), np.nan)
    closes[XNYS.number(bars.ts) - numbers.start, XNYS.minute(bars.ts)] = np.log(bars.values[:, 3])
    return np.diff(closes, axis=1)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    both = np.isfinite(x) & np.isfinite(y)
    return float(np.corrcoef(x[both], y[both])[0, 1])


def test_minutes_are_most_volatile_and_busiest_at_both_ends_of_a_session():
    by_minute = np.nanmean(np.concatenate([np.abs(returns(REALISTIC, s)) for s in FIVE]), axis=0)
    ends, middle = np.r_[by_minute[:20], by_minute[-20:]].mean(), by_minute[150:240].mean()
    assert 1.5 < ends / middle < 4
    volume = _by_minute(REALISTIC.regular("AAPL", MANY))
    assert volume[1:20].mean() > 2 * volume[150:240].mean() < volume[-20:-1].mean()


def _by_minute(bars: Day) -> np.ndarray:
    minute = XNYS.minute(bars.ts)
    return np.bincount(minute, weights=bars.values[:, 4]) / np.bincount(minute)


def test_returns_are_fat_tailed_and_their_size_is_clustered_within_and_across_days():
    all_days = np.concatenate([returns(REALISTIC, s) for s in FIVE])
    flat = all_days[np.isfinite(all_days)]
    assert 5 < np.mean(flat**4) / np.mean(flat**2) ** 2 < 20
    size = np.abs(all_days) / np.sqrt(curve(REALISTIC.kind, 390)[1:])
    assert correlation(size[:, :-1].ravel(), size[:, 1:].ravel()) > 0.1
    by_day = np.nanmean(np.abs(returns(REALISTIC, "AAPL", range(FIRST, FIRST + 250))), axis=1)
    assert correlation(by_day[:-1], by_day[1:]) > 0.7


@pytest.mark.parametrize(("market", "low", "high"), [(REALISTIC, -0.27, -0.17), (STRONG, -0.45, -0.35)])
def test_the_bounce_makes_neighbouring_returns_turn_back(market, low, high):
    found = np.concatenate([returns(market, s) for s in FIVE])
    assert low < correlation(found[:, :-1].ravel(), found[:, 1:].ravel()) < high
    assert abs(correlation(found[:, :-2].ravel(), found[:, 2:].ravel())) < 0.02


def test_nothing_of_the_random_walk_depends_on_what_was_before():
    steps = np.concatenate([returns(WALK, s) for s in FIVE])
    for lag in (1, 2, 5):
        assert abs(correlation(steps[:, :-lag].ravel(), steps[:, lag:].ravel())) < 0.015
    signs = np.sign(steps[np.isfinite(steps)])
    assert abs(signs.mean()) < 4 / np.sqrt(len(signs))


def test_symbols_share_a_weak_factor_by_minute_and_over_the_night():
    found = np.stack([returns(REALISTIC, s) for s in FIVE])
    pairs = [correlation(found[i].ravel(), found[j].ravel()) for i in range(5) for j in range(i)]
    assert 0.03 < np.mean(pairs) < 0.3
    nights = [_nights(REALISTIC.regular(s, range(FIRST, FIRST + 250))) for s in FIVE]
    assert 0.05 < np.mean([correlation(nights[i], nights[j]) for i in range(5) for j in range(i)]) < 0.4
    assert 0.004 < np.std(nights[0]) < 0.02


def _nights(bars: Day) -> np.ndarray:
    new = np.flatnonzero(np.diff(XNYS.number(bars.ts))) + 1
    return np.log(bars.values[new, 0] / bars.values[new - 1, 3])
