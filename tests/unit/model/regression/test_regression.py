"""Regressions from sums against textbook solutions on all rows at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet

from stock_ml.model.parameters import Parameters
from stock_ml.model.regression import huber
from stock_ml.model.regression.least_squares import L1_RATIO, elastic_net, least_squares, noise
from stock_ml.model.regression.moments import Moments, total

FEATURES = 5


def rows(seed: int, n: int = 400, shift: float = 0.0) -> np.ndarray:
    """Features of very different sizes and a target with heavy tails, (n, k + 1)."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, FEATURES)) * np.logspace(-4, 1, FEATURES) + shift
    target = features @ rng.normal(size=FEATURES) * 1e-4 + rng.standard_t(3, size=n) * 5e-4
    return np.column_stack([features, target])


def of(parameters: Parameters) -> np.ndarray:
    return np.array([*parameters.coefficients, parameters.intercept])


@given(st.integers(0, 1000), st.lists(st.integers(1, 399), max_size=6, unique=True), st.sampled_from([0.0, 1e3]))
def test_moments_of_parts_are_those_of_the_whole(seed: int, cuts: list[int], shift: float) -> None:
    whole = rows(seed, shift=shift)
    added = total(Moments.of(part) for part in np.split(whole, sorted(cuts)))
    assert added.n == len(whole)
    np.testing.assert_allclose(added.mean, whole.mean(axis=0), rtol=1e-12)
    scale = np.outer(*[whole.std(axis=0)] * 2)
    np.testing.assert_allclose(added.scatter / len(whole) / scale, np.cov(whole.T, bias=True) / scale, atol=1e-8)


@given(st.integers(0, 1000))
def test_least_squares_is_the_textbook_s(seed: int) -> None:
    whole = rows(seed)
    with_ones = np.column_stack([whole[:, :-1], np.ones(len(whole))])
    known = np.linalg.lstsq(with_ones, whole[:, -1], rcond=None)[0]
    np.testing.assert_allclose(of(least_squares(Moments.of(whole))), known, rtol=1e-9, atol=1e-12)


def test_a_feature_that_never_varies_has_no_weight_and_tied_ones_share_it() -> None:
    whole = rows(1)
    whole[:, 1] = 0.1
    whole[:, 3] = 2 * whole[:, 2]
    found = least_squares(Moments.of(whole))
    assert found.coefficients[1] == 0.0
    without = least_squares(Moments.of(np.delete(whole, (1, 3), axis=1)))
    np.testing.assert_allclose(
        found.predict(whole[:, :-1]), without.predict(np.delete(whole, (1, 3, 5), axis=1)), atol=1e-12
    )


@pytest.mark.parametrize("regression", [least_squares, elastic_net])
def test_where_the_target_never_moves_nothing_is_forecast(regression) -> None:
    whole = rows(1)
    whole[:, -1] = 0.0
    assert of(regression(Moments.of(whole))).tolist() == [0.0] * (FEATURES + 1)


@given(st.integers(0, 200))
def test_the_elastic_net_is_scikit_learn_s(seed: int) -> None:
    whole = rows(seed)
    mean, deviation = whole.mean(axis=0), whole.std(axis=0)
    scaled = (whole - mean) / deviation
    penalty = noise(float(whole[:, -1].std(ddof=1)), FEATURES, len(whole)) / L1_RATIO / deviation[-1]
    known = ElasticNet(alpha=penalty, l1_ratio=L1_RATIO, tol=1e-12, max_iter=100_000, fit_intercept=False)
    weights = known.fit(scaled[:, :-1], scaled[:, -1]).coef_ * deviation[-1] / deviation[:-1]
    found = np.array(elastic_net(Moments.of(whole)).coefficients)
    np.testing.assert_allclose(found * deviation[:-1], weights * deviation[:-1], atol=1e-9 * deviation[-1])


def searched(whole: np.ndarray, parts: int = 3) -> huber.Search:
    """Search Huber's line in passes over several parts."""
    moments = Moments.of(whole)
    standard = huber.Standard.of(moments)
    search = huber.Search.of(moments, standard)
    columns = [standard.columns(part[:, :-1], part[:, -1]) for part in np.array_split(whole, parts)]
    while not search.done:
        first, *others = [huber.sums(features, target, search.guess) for features, target in columns]
        for other in others:
            first = first.plus(other)
        search.take(first)
    return search


def naive_loss(point: np.ndarray, features: np.ndarray, target: np.ndarray) -> float:
    """Return the loss as its definition says; the last number is the log of the scale."""
    scale = np.exp(point[-1])
    size = np.abs(target - features @ point[:-1]) / scale
    near = size <= huber.EPSILON
    beyond = 2 * huber.EPSILON * size - huber.EPSILON**2
    return float(np.mean(scale + scale * np.where(near, size**2, beyond)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unchanged", [0.0, 0.2])
@pytest.mark.parametrize("grid", [0.0, 2e-4])
def test_huber_s_line_is_where_the_loss_is_least(seed: int, unchanged: float, grid: float) -> None:
    whole = rows(seed, 3000)
    if grid:
        whole[:, -1] = np.round(whole[:, -1] / grid) * grid
    whole[np.random.default_rng(seed).random(len(whole)) < unchanged, -1] = 0.0
    search = searched(whole)
    assert search.steps < 30
    features, target = search.standard.columns(whole[:, :-1], whole[:, -1])
    start = np.append(np.zeros(FEATURES + 1), 0.0)
    known = minimize(naive_loss, start, args=(features, target), method="BFGS", options={"gtol": 1e-8})
    best = search.best
    assert best is not None
    assert search.least == pytest.approx(naive_loss(np.append(best.weights, np.log(best.scale)), features, target))
    at_bound = best.scale == huber.SMALLEST
    assert search.least <= known.fun + (1e-5 if at_bound else 1e-10)
    np.testing.assert_allclose(best.weights, known.x[:-1], atol=1e-3 if at_bound else 1e-4)


def test_huber_s_line_ends_where_most_targets_are_the_same() -> None:
    whole = rows(3, 3000)
    whole[np.random.default_rng(3).random(len(whole)) < 0.9, -1] = 0.0
    search = searched(whole)
    assert search.done
    assert np.isfinite(of(search.line())).all()
    assert np.abs(search.line().predict(whole[:, :-1])).max() < 1e-4


def test_huber_s_line_of_a_target_that_never_moves_forecasts_nothing() -> None:
    whole = rows(1)
    whole[:, -1] = 0.0
    assert of(searched(whole).line()).tolist() == [0.0] * (FEATURES + 1)


def test_a_step_that_makes_the_loss_larger_is_halved() -> None:
    whole = rows(2)
    search = searched(whole)
    features, target = search.standard.columns(whole[:, :-1], whole[:, -1])
    assert search.best is not None
    search.done, away = False, huber.Guess(search.best.weights + 1.0, search.best.scale)
    search.guess = away
    search.take(huber.sums(features, target, away))
    np.testing.assert_allclose(search.guess.weights, search.best.weights + 0.5)
