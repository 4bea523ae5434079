import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.model.conformal import FLAT, LEVELS, PARTS, adapt, bounds, profile, scale
from tests.calibration import calibrate, quantiles
from tests.unit.interval_coverage import coverage


@given(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=300))
def test_quantiles_agree_with_counting(errors):
    widths = quantiles(np.array(errors), np.full(len(errors), 1e-3))
    scaled = sorted(abs(e) / 1e-3 for e in errors)
    for p in (50, 90, 99):
        needed = p / 100 * (len(errors) + 1)
        enough = [x for i, x in enumerate(scaled) if i + 1 >= needed - 1e-9]
        assert widths[str(p)] == pytest.approx(min(enough, default=scaled[-1]), rel=1e-12, abs=1e-300)


def test_coverage_on_fresh_errors_is_what_was_promised_at_each_time_of_the_session():
    rng = np.random.default_rng(5)
    volatility, elapsed = rng.uniform(1e-4, 1e-3, 40_000), rng.integers(1, 391, 40_000) / 390
    errors = rng.standard_t(4, 40_000) * volatility * np.where(elapsed > 0.75, 2.0, 1.0)
    calibration = calibrate(errors[:20_000], volatility[:20_000], elapsed[:20_000])
    for hour in (elapsed[20_000:] <= 0.25, elapsed[20_000:] > 0.8):
        at = 20_000 + np.flatnonzero(hour)
        size = scale(volatility[at], elapsed[at], calibration.profile)
        for level, share in coverage(errors[at], size, calibration.quantiles).items():
            assert share == pytest.approx(int(level) / 100, abs=0.025)


def test_a_flat_window_has_a_width():
    assert scale(np.zeros(1), np.ones(1), FLAT)[0] > 0


def test_a_profile_of_few_rows_says_little_and_of_none_nothing():
    one = profile(np.array([1e-3, 1e-3, 5e-3]), np.full(3, 1e-3), np.array([0.5, 0.5, 1.0]))
    assert one[0] == 1.0
    assert 1.0 < one[-1] < 1.05
    assert profile(np.zeros(3), np.full(3, 1e-3), np.full(3, 0.5))[6] == pytest.approx(100 / 103)
    assert len(one) == PARTS


@pytest.mark.parametrize(("elapsed", "part"), [(1 / 390, 0), (30 / 390, 0), (31 / 390, 1), (1.0, 12)])
def test_a_half_hour_ends_with_the_bar_that_ends_it(elapsed, part):
    shape = np.ones(PARTS)
    shape[part] = 3.0
    assert scale(np.ones(1), np.array([elapsed]), shape)[0] == pytest.approx(3.0)


@given(st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=60))
def test_each_miss_widens_and_each_hit_narrows_within_bounds(outcomes):
    interval_scale = np.zeros((3, 1), np.float32)
    for held in outcomes:
        moved = adapt(interval_scale, np.array(held)[:, None])
        assert ((moved < interval_scale) == np.array(held)[:, None]).all()
        interval_scale = moved
    assert (np.abs(interval_scale) <= 2).all()


def test_after_a_shift_coverage_comes_back_in_the_long_run():
    # Gibbs and Candès 2021, proposition 4.1: the share that is covered is off by at most the range of the state
    # over the number of outcomes times the step
    rng, n = np.random.default_rng(7), 20_000
    errors = np.abs(rng.normal(size=n)) * np.where(np.arange(n) < 5_000, 1.0, 3.0)
    interval_scale, covered = np.zeros((3, 1), np.float32), np.zeros((3, n), bool)
    widths = np.array([[0.6745], [1.6449], [2.5758]])
    for i in range(n):
        covered[:, i : i + 1] = errors[i] <= widths * np.exp(interval_scale)
        interval_scale = adapt(interval_scale, covered[:, i : i + 1])
    for level, share in zip(LEVELS, covered.mean(axis=1), strict=True):
        assert share == pytest.approx(level / 100, abs=4 / (0.02 * n))
    np.testing.assert_allclose(np.exp(interval_scale[:2]), 3.0, rtol=0.3)


@given(away=st.floats(0, 0.2), interval_scale=st.floats(-2, 2, width=32))
def test_bounds_lie_around_the_forecast(away, interval_scale):
    last, predicted, centre = np.full(1, 100.0), np.full(1, 100.01), np.full(1, 1e-4)
    lower, upper = bounds(last, predicted, centre, np.full((3, 1), away), np.full((3, 1), interval_scale, np.float32))
    assert (lower <= predicted).all()
    assert (predicted <= upper).all()
