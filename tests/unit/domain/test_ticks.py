"""Forecasts stand where prices can stand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.ticks import TickTable, snap_to_tick, symbol_tick, tick
from tests.ticks import symbol_ticks, ticks_before


@pytest.mark.parametrize(
    ("price", "size"),
    [
        (171.35, 0.01),
        (100.0, 0.01),
        (0.4567, 0.0001),
        (12.345, 0.001),
        (171.3500061, 0.01),
        (float(np.float32(1134.57)), 0.01),
        (1 / 3, 0.0),
    ],
)
def test_a_price_tells_its_grid(price: float, size: float) -> None:
    assert tick(np.array([price])).tolist() == [size]


@given(st.integers(1, 10_000_000), st.floats(-0.5, 0.5))
def test_a_forecast_is_the_nearest_price_on_the_grid(cents: int, move: float) -> None:
    last = np.array([cents / 100])
    predicted = last * np.exp(move)
    (found,) = snap_to_tick(last, predicted)
    assert abs(found - predicted[0]) <= 0.005 + 1e-6
    assert found == pytest.approx(round(found * 100) / 100, abs=1e-9)


def test_less_than_half_a_tick_is_no_move_to_the_last_bit() -> None:
    last = np.array([171.35, 171.3500061, 29.07])
    assert snap_to_tick(last, last + 0.0049).tolist() == last.tolist()
    assert snap_to_tick(last, last + 0.0051).tolist() == pytest.approx([171.36, 171.3600061, 29.08], abs=1e-6)


def test_where_there_is_no_grid_a_forecast_stays_as_it_is() -> None:
    assert snap_to_tick(np.array([1 / 3]), np.array([0.34])).tolist() == [0.34]


def test_what_is_not_finite_stays_so() -> None:
    assert not np.isfinite(snap_to_tick(np.array([100.0, 100.0]), np.array([np.nan, np.inf]))).any()


def closes(size: float, between: float, n: int = 2_000) -> np.ndarray:
    """Return closes on a grid, a share of them somewhere between two ticks."""
    random = np.random.default_rng(1)
    steps = np.rint(np.cumsum(random.normal(0, 3, n)) + 7_000)
    return np.where(random.random(n) < between, np.round((steps + random.random(n)) * size, 6), steps * size)


@pytest.mark.parametrize("between", [0.0, 0.1, 0.45])
@pytest.mark.parametrize("size", [0.0001, 0.001, 0.01, 0.02, 0.05, 0.5, 1.0])
def test_a_symbols_closes_tell_its_tick_though_many_stand_between_two(size: float, between: float) -> None:
    assert symbol_tick(closes(size, between)) == pytest.approx(size)


def test_prices_on_no_grid_tell_none() -> None:
    assert symbol_tick(np.exp(np.random.default_rng(1).normal(4, 1, 500))) == 0.0
    assert symbol_tick(np.empty(0)) == 0.0


def test_a_close_between_two_ticks_makes_no_finer_grid() -> None:
    last, size = np.array([171.3549] * 3), np.full(3, 0.01)
    assert snap_to_tick(last, np.array([171.3571, 171.3612, 171.3423]), size).tolist() == [171.3549, 171.36, 171.34]
    assert snap_to_tick(last, last + 0.0021).tolist() == pytest.approx([171.357] * 3)


def test_a_price_that_hardly_moves_tells_no_tick() -> None:
    assert symbol_tick(np.full(1_000, 100.0)) == 0.0
    assert symbol_tick(np.resize([1.5, 1.25, 1.0], 1_000)) == 0.0


def test_ticks_are_those_of_the_sessions_before() -> None:
    days = np.repeat(["2024-03-01", "2024-03-04", "2024-03-05"], [400, 800, 400])
    prices = np.concatenate([closes(0.5, 0.1, 400), closes(0.01, 0.3, 1200)])
    rows = pd.DataFrame({"symbol": "A", "session": days, "bar_ts": np.arange(1600), "last_close": prices})
    both = pd.concat([rows, rows.assign(symbol="B", last_close=prices * 2)]).sample(frac=1, random_state=1)
    found = both.assign(tick=ticks_before(both)).sort_values(["symbol", "bar_ts"])["tick"].to_numpy()
    ticks = [0.0, 0.5, 0.01, 0.0, 1.0, 0.02]
    assert found.tolist() == pytest.approx(np.repeat(ticks, [400, 800, 400] * 2).tolist())
    assert symbol_ticks(both) == pytest.approx({"A": 0.01, "B": 0.02})
    assert TickTable.of({"A": 0.01, "B": 0.05}).look_up(np.array(["B", "C", "A"])).tolist() == [0.05, 0.0, 0.01]
    assert TickTable.of({}).look_up(np.array(["B"])).tolist() == [0.0]
