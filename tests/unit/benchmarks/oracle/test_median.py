"""Medians: of a rounded number, of one that may stay where it is, and of what a rounded price tells."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.oracle.median import median
from benchmarks.oracle.rounded_price import between

UNIT = st.floats(-3, 3)


@given(UNIT, st.floats(0.05, 3), UNIT, st.floats(0, 0.4))
def test_half_the_chance_lies_on_each_side_of_the_median(mean, deviation, last, quiet):
    found = float(median(*(np.array(x) for x in (mean, deviation, last, quiet))))
    below, upto = (
        _chance(found, mean, deviation) * (1 - quiet) + quiet * there for there in (last < found, last <= found)
    )
    assert below <= 0.5 + 1e-9
    assert upto >= 0.5 - 1e-9


def _chance(x: float, mean: float, deviation: float) -> float:
    return NormalDist(mean, deviation).cdf(x)


@given(st.integers(0, 10**6), st.floats(0, 3), st.floats(0.01, 0.3))
def test_the_median_of_rounded_prices_is_the_rounded_median(seed, deviation, mean):
    drawn = mean + deviation * np.random.default_rng(seed).standard_normal(101)
    assert np.round(np.exp(np.median(drawn)), 2) == np.median(np.round(np.exp(drawn), 2))


@pytest.mark.parametrize("half", [0.01, 0.049, 0.051, 0.5, 2.0])
@pytest.mark.parametrize("centre", [-4.0, -1.0, 0.0, 2.5])
def test_mean_and_variance_between_two_bounds_are_those_of_a_fine_grid(centre, half):
    x = np.linspace(centre - half, centre + half, 200_001)
    weight = np.exp(-(x**2) / 2)
    weight /= weight.sum()
    mean = weight @ x
    found = between(np.array([centre]), np.array([half]))
    assert found[0][0] == pytest.approx(mean, abs=0.004)
    assert found[1][0] == pytest.approx(weight @ (x - mean) ** 2, rel=0.01)
