"""The population stability index, against a second, naive count."""

import math

import numpy as np
import pytest

from stock_ml.evaluation.psi import BINS, MIN_SHARE, bin_counts, bin_edges, bin_shares, psi

RANDOM = np.random.default_rng(3)
TRAINED = RANDOM.normal(size=5000)


def psi_of(trained: np.ndarray, live: np.ndarray) -> float:
    edges = bin_edges(trained)
    return psi(*(bin_shares(bin_counts(sample, edges)) for sample in (trained, live)))


def naive(trained: np.ndarray, live: np.ndarray) -> float:
    """Count by hand, bin by bin."""
    edges = sorted({float(np.quantile(trained, i / BINS)) for i in range(1, BINS)})
    total = 0.0
    for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
        shares = [max(sum(low < x <= high for x in sample) / len(sample), MIN_SHARE) for sample in (trained, live)]
        total += (shares[1] - shares[0]) * math.log(shares[1] / shares[0])
    return total


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 3.0), (9.0, 0.1)])
def test_it_is_what_a_naive_count_finds(shift: float, scale: float) -> None:
    live = RANDOM.normal(shift, scale, 700)
    assert psi_of(TRAINED, live) == pytest.approx(naive(TRAINED, live), rel=1e-9)


def test_the_same_population_is_near_zero_and_three_times_the_spread_is_not() -> None:
    assert psi_of(TRAINED, RANDOM.normal(size=2000)) < 0.02
    assert psi_of(TRAINED, 3 * RANDOM.normal(size=2000)) > 0.25


def test_a_feature_that_is_mostly_one_value_has_fewer_bins_and_stays_finite() -> None:
    trained = np.where(RANDOM.random(1000) < 0.9, 0.0, RANDOM.normal(size=1000))
    assert psi_of(trained, trained) == 0.0
    assert math.isfinite(psi_of(trained, np.full(50, 7.0)))
