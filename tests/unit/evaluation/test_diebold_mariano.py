"""The Diebold-Mariano test calls better only what is better beyond chance."""

import math

import numpy as np
import pytest

from stock_ml.evaluation.diebold_mariano import diebold_mariano_p_value, long_run_variance


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
