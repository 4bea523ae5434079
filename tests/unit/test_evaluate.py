import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import TooLittleHistory
from stock_ml.evaluate import best, folds, known_at, metrics, walked_coverage
from stock_ml.intervals import coverage, quantiles

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


@given(st.integers(4, 60))
def test_folds_walk_forward_over_the_newest_sessions(count):
    firsts = [86400 * day for day in range(count)]
    walked = folds(firsts, firsts[-1] + 400)
    judged = [first for first in firsts if any(f.first <= first < f.until for f in walked)]
    assert judged == firsts[-len(judged) :]
    assert 2 <= len(judged) <= min(5, count - 2)
    assert len(walked) <= 3
    assert all(a.until == b.first for a, b in itertools.pairwise(walked))
    assert walked[-1].until == firsts[-1] + 400


@pytest.mark.parametrize("count", range(4))
def test_fewer_than_four_sessions_are_refused(count):
    with pytest.raises(TooLittleHistory, match=f"{count} sessions"):
        folds(list(range(count)), count)


def test_a_target_is_known_when_its_bar_has_ended():
    assert known_at(600, 1) == 720
    assert known_at(600, 15) == 600 + 16 * 60


def test_coverage_in_walk_forward_uses_earlier_folds_only():
    rng = np.random.default_rng(2)
    errors, volatility, fold = rng.normal(size=90), rng.uniform(1, 2, 90), np.repeat([0, 1, 2], [30, 40, 20])
    second = coverage(errors[30:70], volatility[30:70], quantiles(errors[:30], volatility[:30]))
    third = coverage(errors[70:], volatility[70:], quantiles(errors[:70], volatility[:70]))
    got = walked_coverage(errors, volatility, fold)
    assert got == {f"coverage_{p}": pytest.approx((second[p] * 40 + third[p] * 20) / 60) for p in second}
    assert walked_coverage(errors, volatility, np.zeros(90, dtype=int)) == {}


def test_where_nothing_beats_persistence_it_is_champion():
    assert best({"linear": 2.0, "persistence": 2.0}) == "persistence"
    assert best({"linear": 2.1, "persistence": 2.0}) == "persistence"
    assert best({"linear": 1.9, "persistence": 2.0}) == "linear"
