"""After an alert history begins with the session that gave it, once enough are there from it on."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.folds import REGIME_SESSIONS, walk_forward_folds
from stock_ml.evaluation.regime_change import alert_session, history_start, latest_regime_change

DAY, HOUR = 86_400, 3_600
FIRSTS = [DAY * number for number in range(20)]


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (12 * DAY + 2 * HOUR, 12),
        (12 * DAY + 10 * HOUR, 12),  # the session is over
        (13 * DAY + HOUR // 2, 12),  # what a session's first hour tells, the one before told
        (13 * DAY + HOUR, 13),
        (99 * DAY, 19),
        (-DAY, -1),
    ],
)
def test_a_session_gave_the_alert(at: int, number: int) -> None:
    assert alert_session(FIRSTS, at) == number


@pytest.mark.parametrize(
    ("given_by", "first"),
    [(20 - REGIME_SESSIONS, 20 - REGIME_SESSIONS), (21 - REGIME_SESSIONS, 0), (19, 0), (3, 3), (-5, 0)],
)
def test_history_begins_with_that_session_once_enough_are_there(given_by: int, first: int) -> None:
    assert history_start(FIRSTS, given_by * DAY + 2 * HOUR) == first
    assert history_start(FIRSTS, None) == 0


def test_as_many_as_are_enough_leave_two_to_train_on_one_to_choose_by_and_those_that_confirm() -> None:
    history = FIRSTS[:REGIME_SESSIONS]
    fold_list = walk_forward_folds(history, history[-1] + HOUR, 250)
    trained = [first for first in history if fold_list[0].since <= first < fold_list[0].first]
    tested = [first for first in history if first >= fold_list[0].first]
    assert (len(trained), len(tested)) == (2, MIN_TEST_SESSIONS + 1)


@given(st.integers(4, 60), st.integers(-3, 70), st.integers(2, 250))
def test_no_window_and_no_judged_session_is_older_than_where_history_begins(
    count: int, changed: int, longest: int
) -> None:
    firsts = [DAY * number for number in range(count)]
    at = changed * DAY + 2 * HOUR
    begun = history_start(firsts, at)
    later = [*firsts, count * DAY]
    assert begun == 0 or history_start(later, at) == begun  # a longer history begins where it began
    fold_list = walk_forward_folds(firsts[begun:], firsts[-1] + HOUR, longest)
    assert fold_list[0].since >= firsts[begun]
    assert begun == 0 or firsts[begun] <= at < firsts[begun] + DAY + HOUR


@pytest.mark.parametrize(
    ("known", "raised", "since"),
    [
        (None, None, None),
        (None, 5 * DAY, 5 * DAY),
        (5 * DAY, None, 5 * DAY),
        (5 * DAY + HOUR, 9 * DAY, 5 * DAY + HOUR),  # the same change, told again
        (5 * DAY + HOUR, (5 + REGIME_SESSIONS) * DAY + HOUR, (5 + REGIME_SESSIONS) * DAY + HOUR),
    ],
)
def test_an_alert_that_soon_follows_another_tells_of_the_same_change(
    known: int | None, raised: int | None, since: int | None
) -> None:
    assert latest_regime_change(FIRSTS, known, raised) == since


def test_however_often_alerts_come_history_begins_anew_at_most_once_in_so_many_sessions() -> None:
    known: int | None = None
    dates = []
    for number in range(60):
        known = latest_regime_change([DAY * n for n in range(60)], known, number * DAY + 2 * HOUR)
        dates.append(known)
    times = np.unique(np.array(dates))
    assert all(b - a >= REGIME_SESSIONS * DAY for a, b in itertools.pairwise(times.tolist()))
