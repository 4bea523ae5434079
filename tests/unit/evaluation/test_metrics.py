"""Metrics of forecasts and of their intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.metrics import interval_metrics, metrics, session_losses, walk_forward_half_widths
from stock_ml.model.conformal import calibrate, scale
from tests.unit.interval_coverage import coverage

returns = st.integers(-5000, 5000).map(lambda n: n / 100_000)  # a subnormal move has no ratio to it
rows = st.lists(st.tuples(st.floats(1, 1000), returns, returns), min_size=1, max_size=50)


@given(rows)
def test_metrics_agree_with_plain_loops(drawn):
    got = metrics(*np.array(drawn).T)
    n = len(drawn)
    error = sum(abs(p - t) for _, t, p in drawn)
    move = sum(abs(t) for _, t, _ in drawn)
    assert got["rows"] == n
    assert got["mae"] == pytest.approx(sum(abs(c * math.exp(p) - c * math.exp(t)) for c, t, p in drawn) / n, abs=1e-9)
    assert got["mae_bp"] == pytest.approx(1e4 * error / n, abs=1e-9)
    assert got["skill"] == pytest.approx(1 - error / move if move else 0.0)
    moved = [(t > 0) == (p > 0) for _, t, p in drawn if t and p]
    assert got.get("direction") == (pytest.approx(sum(moved) / len(moved)) if moved else None)


def test_persistence_has_no_skill_and_no_direction():
    got = metrics(np.array([100.0, 50]), np.array([0.01, -0.02]), np.zeros(2))
    assert got["skill"] == 0
    assert "direction" not in got


def test_what_trading_on_the_sign_earns_and_what_a_spread_leaves_of_it():
    got = metrics(np.array([100.0, 100.0]), np.array([0.001, -0.001]), np.array([0.0005, 0.0]))
    assert got["sign_bp"] == pytest.approx(5.0)
    assert got["sign_after_spread_bp"] == pytest.approx(4.5)  # one trade of two rows, one cent of a hundred dollars
    assert (got["direction"], got["direction_error"], got["unchanged"]) == (1.0, 0.0, 0.0)


def test_intervals_in_walk_forward_come_from_earlier_folds_only():
    rng = np.random.default_rng(2)
    errors, volatility, fold = rng.normal(size=90), rng.uniform(1, 2, 90), np.repeat([0, 1, 2], [30, 40, 20])
    noon = np.full(90, 0.5)
    half = walk_forward_half_widths(errors, volatility, noon, fold)
    assert np.isnan(half[:, :30]).all()
    for until, to in ((30, 70), (70, 90)):
        calibration = calibrate(errors[:until], volatility[:until], noon[:until])
        size = scale(volatility[until:to], noon[until:to], calibration.profile)
        got = interval_metrics(errors[until:to], half[:, until:to])
        assert {
            f"coverage_{p}": share for p, share in coverage(errors[until:to], size, calibration.quantiles).items()
        } == {name: share for name, share in got.items() if name.startswith("coverage")}
        assert got["width_90_bp"] == pytest.approx(np.mean([2e4 * calibration.quantiles["90"] * s for s in size]))


def test_rows_without_an_interval_are_in_no_coverage():
    errors, half = np.array([0.1, 9.0, 0.3]), np.array([[0.2, np.nan, 0.2]] * 3)
    assert interval_metrics(errors, half) == {
        f"{name}_{p}{unit}": pytest.approx(value)
        for p in (50, 90, 99)
        for name, unit, value in (("coverage", "", 0.5), ("width", "_bp", 4000))
    }
    assert interval_metrics(errors, np.full((3, 3), np.nan)) == {}


def test_a_session_is_one_number_over_its_symbols():
    frame = pd.DataFrame({"symbol": list("AAB"), "session": "1", "target": [0.01, 0.03, 0.10]})
    assert session_losses(frame, np.zeros(3)).tolist() == pytest.approx([1e4 * (0.02 + 0.10) / 2])
