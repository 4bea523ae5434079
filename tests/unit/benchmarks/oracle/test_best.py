"""The best forecast: what theory says on a plain market, no look ahead, and nothing left that bars would tell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.oracle import best
from benchmarks.oracle.filter import run
from benchmarks.oracle.table import Table
from benchmarks.oracle.volatility import guesses
from sandbox.market import KINDS, Day, Market
from sandbox.market.calendar import day_of
from sandbox.market.market_kinds import FULL
from sandbox.market.profile import profile
from sandbox.market.splits import splits
from tests.hypothesis_budget import at_most
from tests.unit.sandbox.markets import FIRST, FIVE, PLAIN, REALISTIC, STRONG, WALK, XNYS, skill, targets

TWENTY = range(FIRST, FIRST + 20)


def test_on_a_plain_gaussian_market_its_error_is_the_closed_form_of_the_steady_state():
    bars = PLAIN.regular("GOOGL", range(FIRST, FIRST + 200))
    error = np.log(targets(bars) / best(PLAIN, "GOOGL", bars))[XNYS.minute(bars.ts) >= 30]
    error = error[np.isfinite(error)] / (profile(7, "GOOGL").volatility / np.sqrt(FULL))
    noise = PLAIN.kind.bounce**2
    variance = (1 + np.sqrt(1 + 4 * noise)) / 2 + noise  # of the Riccati equation p = p - p² / (p + noise) + 1
    n = len(error)
    assert n > 60_000
    assert np.mean(error**2) == pytest.approx(variance, abs=4 * variance * np.sqrt(2 / n))
    mean = np.sqrt(2 * variance / np.pi)
    assert np.mean(np.abs(error)) == pytest.approx(mean, abs=4 * np.sqrt((variance - mean**2) / n))
    assert abs(np.corrcoef(error[:-1], error[1:])[0, 1]) < 4 / np.sqrt(n)


BARS = STRONG.regular("AMZN", range(FIRST, FIRST + 6))
WHOLE = best(STRONG, "AMZN", BARS)


@at_most(15)
@given(st.integers(0, len(BARS.ts)))
def test_cutting_the_future_off_changes_no_forecast(cut):
    found = best(STRONG, "AMZN", Day(BARS.ts[:cut], BARS.values[:cut]))
    assert np.array_equal(found, WHOLE[:cut], equal_nan=True)


def test_each_bar_but_a_sessions_last_has_a_forecast_on_the_tick_grid():
    assert np.array_equal(np.isnan(WHOLE), XNYS.minute(BARS.ts) == 389)
    assert np.array_equal(WHOLE, np.round(WHOLE, 2), equal_nan=True)


@pytest.mark.parametrize("symbol", FIVE)
def test_where_prices_walk_in_ticks_it_is_the_last_price(symbol):
    bars = WALK.regular(symbol, range(FIRST, FIRST + 60))
    found = best(WALK, symbol, bars)
    known = np.isfinite(found)
    assert np.array_equal(found[known], bars.values[known, 3])


@pytest.mark.parametrize(("market", "low", "high"), [(REALISTIC, 0.012, 0.03), (STRONG, 0.09, 0.13)])
def test_its_skill_is_small_on_the_realistic_market_and_large_on_the_strong_one(market, low, high):
    skills = []
    for symbol in FIVE:
        bars = market.regular(symbol, TWENTY)
        skills.append(skill(bars, best(market, symbol, bars)))
    assert min(skills) > low / 2
    assert low < np.mean(skills) < high


@pytest.mark.parametrize("stretch", [0.0, 0.8, 1.2])
def test_a_bolder_or_a_shyer_forecast_is_worse(stretch):
    gains = []
    for symbol in FIVE:
        bars = STRONG.regular(symbol, TWENTY)
        found, last = best(STRONG, symbol, bars), bars.values[:, 3]
        other = np.round(last + stretch * (found - last), 2)
        gains.append(skill(bars, found) - skill(bars, other))
    assert np.mean(gains) > 0.001


def test_nothing_else_in_the_bar_tells_of_its_error():
    bars = STRONG.regular("AAPL", range(FIRST, FIRST + 60))
    error = np.log(targets(bars) / best(STRONG, "AAPL", bars))
    o, high, low, c, volume = bars.values.T
    told = {"open": np.log(o / c), "reach": np.log(high * low / o / c), "width": np.log(high / low)}
    told |= {"volume": volume, "open before": np.roll(np.log(o / c), 1), "error before": np.roll(error, 1)}
    for name, value in told.items():
        both = np.isfinite(error) & np.isfinite(value)
        assert abs(np.corrcoef(error[both], value[both])[0, 1]) < 4 / np.sqrt(both.sum()), name


def test_a_split_night_and_a_missing_open_change_nothing_of_how_good_it_is():
    at = int(np.searchsorted(day_of(XNYS), splits(7, "GOOGL").days[0]))
    bars = STRONG.regular("GOOGL", range(at - 10, at + 10))
    assert skill(bars, best(STRONG, "GOOGL", bars)) > 0.08
    late = XNYS.minute(bars.ts) >= 20
    cut = Day(bars.ts[late], bars.values[late])
    assert skill(cut, best(STRONG, "GOOGL", cut)) > 0.08


def test_where_minutes_often_pass_without_a_trade_it_stays_with_the_last_price_more_often():
    market = Market(7, XNYS, replace(KINDS["strong"], silence=8))
    bars = market.regular("GOOGL", TWENTY)
    assert len(bars.ts) < 0.9 * 20 * 390
    table = Table.of(market, "GOOGL", bars)
    mean, _ = run(table, *guesses(table, profile(7, "GOOGL").volatility))
    found, middle = best(market, "GOOGL", bars), np.round(np.exp(mean), 2)[table.place]
    assert skill(bars, found) > skill(bars, middle) + 0.005 > 0.01
    assert (found == bars.values[:, 3]).mean() > 2 * (middle == bars.values[:, 3]).mean()


def test_bars_outside_regular_hours_are_passed_over():
    day = STRONG.day("AAPL", FIRST)
    inside = XNYS.number(day.ts) >= 0
    found = best(STRONG, "AAPL", day)
    assert np.isnan(found[~inside]).all()
    assert np.array_equal(
        found[inside], best(STRONG, "AAPL", STRONG.regular("AAPL", range(FIRST, FIRST + 1))), equal_nan=True
    )
    assert len(best(STRONG, "AAPL", Day(np.zeros(0, np.int64), np.zeros((0, 5))))) == 0
