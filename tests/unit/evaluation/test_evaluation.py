import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import TooLittleHistory
from stock_ml.evaluation.diebold_mariano import diebold_mariano_p_value, long_run_variance
from stock_ml.evaluation.folds import known_at, refit, walk_forward_folds
from stock_ml.evaluation.metrics import interval_metrics, metrics, session_losses, walk_forward_half_widths
from stock_ml.evaluation.promotion import PromotionThreshold, decide
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


@given(st.integers(4, 60), st.integers(2, 60))
def test_folds_walk_forward_over_the_newest_sessions(count, longest):
    firsts = [86400 * day for day in range(count)]
    fold_list = walk_forward_folds(firsts, firsts[-1] + 400, longest)
    tested = [first for first in firsts if any(f.first <= first < f.until for f in fold_list)]
    assert tested == firsts[-len(tested) :]
    assert 2 <= len(tested) <= min(20, count - 2)
    assert len(fold_list) <= 4
    assert all(a.until == b.first for a, b in itertools.pairwise(fold_list))
    assert fold_list[-1].until == firsts[-1] + 400


@given(st.integers(4, 60), st.integers(2, 60))
def test_all_folds_train_on_as_many_sessions_directly_before_them(count, longest):
    firsts = [86400 * day for day in range(count)]
    fold_list = walk_forward_folds(firsts, firsts[-1] + 400, longest)
    trained = [[first for first in firsts if fold.since <= first < fold.first] for fold in fold_list]
    assert {len(sessions) for sessions in trained} == {min(longest, firsts.index(fold_list[0].first))}
    assert [sessions[-1] + 86400 for sessions in trained] == [fold.first for fold in fold_list]


@pytest.mark.parametrize(("longest", "since"), [(3, 400), (6, 100), (250, 100)])
def test_what_serves_is_fitted_on_the_newest_sessions(longest, since):
    fold = refit([100, 200, 300, 400, 500, 600], 700, longest)
    assert (fold.since, fold.first) == (since, 700)
    assert fold.until > 4e9


@pytest.mark.parametrize("count", range(4))
def test_fewer_than_four_sessions_are_refused(count):
    with pytest.raises(TooLittleHistory, match=f"{count} sessions"):
        walk_forward_folds(list(range(count)), count, 250)


def test_a_target_is_known_when_its_bar_has_ended():
    assert known_at(600, 1) == 720
    assert known_at(600, 15) == 600 + 16 * 60


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


THRESHOLD = PromotionThreshold(alpha=0.05, margin=0.01)
FLAT = np.array([2.0, 2.1, 1.9, 2.0, 2.05, 1.95])
NOISE = np.array([0.01, -0.02, 0.0, 0.02, -0.01, 0.0])


def losses(**kinds: float) -> dict[str, np.ndarray]:
    return {kind: FLAT * scale + NOISE * (kind != "persistence") for kind, scale in kinds.items()}


@pytest.mark.parametrize(
    ("earlier", "later", "incumbent", "expected"),
    [
        # better before, and better again where the choice never looked
        ({"linear": 0.9, "huber": 0.8, "persistence": 1}, {"linear": 0.9, "huber": 0.8, "persistence": 1}, "", "huber"),
        # better before by luck
        ({"linear": 0.9, "persistence": 1}, {"linear": 1.0, "persistence": 1}, "persistence", "persistence"),
        # nothing better at all
        ({"linear": 1.1, "persistence": 1}, {"linear": 1.1, "persistence": 1}, "persistence", "persistence"),
        # the same recipe on newer data replaces itself, also when the last price was as near
        ({"linear": 0.99, "persistence": 1}, {"linear": 1.005, "persistence": 1}, "linear", "linear"),
        # but not when it has become worse than the last price
        ({"linear": 0.99, "persistence": 1}, {"linear": 1.05, "persistence": 1}, "linear", "persistence"),
        # another recipe must be better than the one that serves, not than persistence only
        (
            {"linear": 0.9, "huber": 0.89, "persistence": 1},
            {"linear": 0.9, "huber": 0.9, "persistence": 1},
            "linear",
            "linear",
        ),
        # what serves is no candidate any more: it counts as the last price
        ({"linear": 0.8, "persistence": 1}, {"linear": 0.8, "persistence": 1}, "gone", "linear"),
    ],
)
def test_who_becomes_champion(earlier, later, incumbent, expected):
    decision = decide(losses(**earlier), losses(**later), incumbent, THRESHOLD)
    assert decision.kind == expected
    assert 0 <= decision.p_value <= 1


def test_the_test_agrees_with_a_plain_computation():
    gain = np.array([0.3, -0.1, 0.4, 0.2, 0.5, 0.1, 0.0, 0.35])
    n, mean = len(gain), gain.mean()
    gamma = [sum((gain[i] - mean) * (gain[i - lag] - mean) for i in range(lag, n)) / n for lag in (0, 1)]
    variance = gamma[0] + 2 * 0.5 * gamma[1]
    assert long_run_variance(gain, 1) == pytest.approx(variance)
    statistic = mean / math.sqrt(variance / n) * math.sqrt((n + 1 - 4 + 2 / n) / n)
    rng = np.random.default_rng(0)
    drawn = rng.standard_t(n - 1, 400_000)
    assert diebold_mariano_p_value(gain) == pytest.approx((drawn > statistic).mean(), abs=2e-3)


def test_without_variance_or_with_one_session_there_is_no_evidence():
    assert diebold_mariano_p_value(np.full(9, 0.5)) == 1.0
    assert diebold_mariano_p_value(np.array([0.5])) == 1.0
    assert diebold_mariano_p_value(np.array([])) == 1.0


def test_where_both_are_alike_five_in_a_hundred_are_called_better_at_five_percent():
    rng = np.random.default_rng(1)
    found = [diebold_mariano_p_value(rng.normal(size=6)) for _ in range(4000)]
    assert np.mean(np.array(found) < 0.05) <= 0.06


def test_a_session_is_one_number_over_its_symbols():
    frame = pd.DataFrame({"symbol": list("AAB"), "session": "1", "target": [0.01, 0.03, 0.10]})
    assert session_losses(frame, np.zeros(3)).tolist() == pytest.approx([1e4 * (0.02 + 0.10) / 2])


def test_what_trading_on_the_sign_earns_and_what_a_spread_leaves_of_it():
    got = metrics(np.array([100.0, 100.0]), np.array([0.001, -0.001]), np.array([0.0005, 0.0]))
    assert got["sign_bp"] == pytest.approx(5.0)
    assert got["sign_after_spread_bp"] == pytest.approx(4.5)  # one trade of two rows, one cent of a hundred dollars
    assert (got["direction"], got["direction_error"], got["unchanged"]) == (1.0, 0.0, 0.0)
