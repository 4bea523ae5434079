"""Sums of folds' training rows against the rows themselves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.fold_moments import (
    Rows,
    add_sums,
    bounds,
    fold_moments,
    huber_sums,
    interval_moments,
    merge_all,
)
from stock_ml.evaluation.folds import Fold, in_training, refit, walk_forward_folds
from stock_ml.model.regression import huber
from stock_ml.model.regression.moments import Moments, total

ROWS = Rows(("one", "two"), 5)


def table(sessions: int, minutes: int, apart: int, seed: int) -> pd.DataFrame:
    """Rows of sessions whose first bars are so many minutes apart: where these are few, targets reach over them."""
    rng = np.random.default_rng(seed)
    ts = (np.arange(sessions)[:, None] * apart + np.arange(minutes)).ravel() * 60
    columns = {name: rng.normal(size=len(ts)) for name in (*ROWS.names, "target")}
    frame = pd.DataFrame({"bar_ts": ts, **columns})
    return frame.sample(frac=0.8, random_state=seed)


def folds_of(sessions: int, minutes: int, apart: int, longest: int) -> list[Fold]:
    firsts = [number * apart * 60 for number in range(sessions)]
    end = (firsts[-1] // 60 + minutes) * 60
    return [*walk_forward_folds(firsts, end, longest), refit(firsts, end + 6 * 60, longest)]


@given(st.integers(4, 30), st.integers(8, 20), st.integers(0, 5), st.integers(2, 12), st.integers(0, 99))
def test_a_fold_s_moments_are_those_of_its_training_rows(
    sessions: int, minutes: int, gap: int, longest: int, seed: int
) -> None:
    frame, folds = (
        table(sessions, minutes, minutes + gap, seed),
        folds_of(sessions, minutes, minutes + gap, longest),
    )
    times = bounds(folds)
    batches = [[part for _, part in half.groupby(half["bar_ts"] // 1800)] for half in (frame[::2], frame[1::2])]
    found = merge_all(interval_moments(part, ROWS, times) for part in batches)
    for fold in folds:
        own = frame[in_training(frame["bar_ts"], fold, ROWS.horizon)]
        known, moments = Moments.of(ROWS.matrix(own)), fold_moments(found, times, fold)
        assert moments.n == known.n
        np.testing.assert_allclose(moments.mean, known.mean, atol=1e-12)
        np.testing.assert_allclose(moments.scatter, known.scatter, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_huber_s_sums_of_batches_are_those_of_each_fold_s_training_rows(seed: int) -> None:
    frame, folds = table(12, 30, 32, seed), folds_of(12, 30, 32, 4)
    own = [ROWS.matrix(frame[in_training(frame["bar_ts"], fold, ROWS.horizon)]) for fold in folds]
    standard = huber.Standard.of(total(Moments.of(one) for one in own))
    guesses = [(fold, huber.Guess(np.full(3, 0.1 * number), 0.5 + number)) for number, fold in enumerate(folds)]
    found = add_sums(huber_sums([frame[:100], frame[100:]], ROWS, standard, guesses))
    for one, sums, (_, guess) in zip(own, found, guesses, strict=True):
        known = huber.sums(*standard.columns(one[:, :-1], one[:, -1]), guess)
        for number, expected in zip(sums, known, strict=True):
            np.testing.assert_allclose(number, expected, atol=1e-9)


def test_without_rows_there_are_no_sums() -> None:
    assert add_sums([]) == []
    assert merge_all([]) == {}
