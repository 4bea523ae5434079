"""Calibrations by counts against those by the errors themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.error_histogram import WIDTH, ErrorHistogram
from stock_ml.model.conformal import LEVELS
from tests.calibration import calibrate

FOLDS = 4


def drawn(seed: int, n: int, zeros: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Errors, volatility, share of the session passed, and fold, (n,) each."""
    rng = np.random.default_rng(seed)
    volatility = rng.lognormal(-8, 0.5, n)
    errors = rng.standard_t(3, n) * volatility * np.where(rng.random(n) < zeros, 0.0, 1.0)
    return errors, volatility, rng.integers(1, 391, n) / 390, np.sort(rng.integers(0, FOLDS, n))


def counted(*columns: np.ndarray) -> ErrorHistogram:
    found = ErrorHistogram.empty(FOLDS)
    found.add(*columns)
    return found


@given(st.integers(0, 1000), st.integers(8, 3000), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_quantile_is_within_a_bin_of_the_exact_one(seed: int, n: int, zeros: float) -> None:
    errors, volatility, elapsed, fold = drawn(seed, n, zeros)
    found, known = counted(errors, volatility, elapsed, fold).calibration(), calibrate(errors, volatility, elapsed)
    assert found.profile == pytest.approx(known.profile, rel=1e-9)
    for level in LEVELS:
        assert found.quantiles[str(level)] == pytest.approx(known.quantiles[str(level)], rel=WIDTH, abs=1e-5)


@given(st.integers(0, 1000))
def test_a_fold_s_calibration_knows_the_folds_before_it_only(seed: int) -> None:
    errors, volatility, elapsed, fold = drawn(seed, 400, 0.1)
    first, *later, last = counted(errors, volatility, elapsed, fold).by_fold()
    assert first is None
    for number, found in enumerate([*later, last], 1):
        before = fold < number
        known = calibrate(errors[before], volatility[before], elapsed[before])
        assert found is not None
        assert found.quantiles["90"] == pytest.approx(known.quantiles["90"], rel=WIDTH)
        assert found.profile == pytest.approx(known.profile, rel=1e-9)


def test_counts_of_parts_add_up() -> None:
    columns = drawn(1, 1000, 0.2)
    one, other = counted(*(column[:300] for column in columns)), counted(*(column[300:] for column in columns))
    whole, added = counted(*columns), one.plus(other)
    assert (added.counts == whole.counts).all()
    np.testing.assert_allclose(added.totals, whole.totals)


def test_sizes_beyond_the_bins_are_counted_at_their_ends() -> None:
    errors = np.array([0.0, 1e-300, 1e300])
    found = counted(errors, np.full(3, 1e-3), np.full(3, 0.5), np.zeros(3, np.int64))
    assert found.counts.sum() == 3
    assert found.counts[0, :, 0].sum() == 2
    assert found.counts[0, :, -1].sum() == 1
