"""Forecasts stand where prices can stand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.ticks import snap_to_tick, tick


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
