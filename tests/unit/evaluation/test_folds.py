"""Folds walk forward over sessions."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import TooLittleHistory
from stock_ml.evaluation.folds import known_at, refit, walk_forward_folds


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
