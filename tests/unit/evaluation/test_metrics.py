"""Metrics of forecasts and of their intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.metrics import interval_metrics, intervals, losses, metrics, session_losses

returns = st.integers(-5000, 5000).map(lambda n: n / 100_000)  # a subnormal move has no ratio to it
rows = st.lists(st.tuples(st.floats(1, 1000), returns, returns), min_size=1, max_size=50)


def measured(last_close: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Measure the rows by their sums."""
    return metrics({name: float(column.sum()) for name, column in losses(last_close, target, predicted).items()})


@given(rows)
def test_metrics_agree_with_plain_loops(drawn):
    got = measured(*np.array(drawn).T)
    n = len(drawn)
    error = sum(abs(p - t) for _, t, p in drawn)
    move = sum(abs(t) for _, t, _ in drawn)
    assert got["rows"] == n
    assert got["mae"] == pytest.approx(sum(abs(c * math.exp(p) - c * math.exp(t)) for c, t, p in drawn) / n, abs=1e-9)
    assert got["mae_bp"] == pytest.approx(1e4 * error / n, abs=1e-9)
    assert got["rmse_bp"] == pytest.approx(1e4 * math.sqrt(sum((p - t) ** 2 for _, t, p in drawn) / n), abs=1e-9)
    assert got["skill"] == pytest.approx(1 - error / move if move else 0.0)
    moved = [(t > 0) == (p > 0) for _, t, p in drawn if t and p]
    assert got.get("direction") == (pytest.approx(sum(moved) / len(moved)) if moved else None)


def test_persistence_has_no_skill_and_no_direction():
    got = measured(np.array([100.0, 50]), np.array([0.01, -0.02]), np.zeros(2))
    assert got["skill"] == 0
    assert "direction" not in got


def test_what_trading_on_the_sign_earns_and_what_a_spread_leaves_of_it():
    got = measured(np.array([100.0, 100.0]), np.array([0.001, -0.001]), np.array([0.0005, 0.0]))
    assert got["sign_bp"] == pytest.approx(5.0)
    assert got["sign_after_spread_bp"] == pytest.approx(4.5)  # one trade of two rows, one cent of a hundred dollars
    assert (got["direction"], got["direction_error"], got["unchanged"]) == (1.0, 0.0, 0.0)


def test_an_interval_covers_what_is_no_further_than_half_its_width():
    errors, half = np.array([0.1, -9.0, 0.3]), np.array([[0.2, 0.2, 0.2], [0.2, 9.0, 0.2], [0.3, 10.0, 0.3]])
    sums = {name: float(column.sum()) for name, column in intervals(errors, half).items()}
    got = interval_metrics(sums)
    assert [got[f"coverage_{p}"] for p in (50, 90, 99)] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert [got[f"width_{p}_bp"] for p in (50, 90, 99)] == pytest.approx([2e4 * row.mean() for row in half])
    assert interval_metrics(dict.fromkeys(sums, 0.0)) == {}


def test_a_session_is_one_number_over_its_symbols():
    sums = pd.DataFrame({"symbol": list("AB"), "session": "1", "error": [0.04, 0.10], "rows": [2.0, 1.0]})
    assert session_losses(sums).tolist() == pytest.approx([1e4 * (0.02 + 0.10) / 2])
