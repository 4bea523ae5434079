"""What is judged must be enough to judge with."""

import pandas as pd
import pytest

from stock_ml.errors import TooLittleHistory
from stock_ml.evaluation.folds import Fold, walk_forward_folds
from stock_ml.training.walk_forward import MAX_CONCURRENT_ROWS, MIN_ROWS, History, _check, concurrent_steps

DAY = 86_400


def sessions(*rows: int) -> pd.DataFrame:
    """As many sessions, a day apart, each with so many rows."""
    first = [number * DAY for number in range(len(rows))]
    return pd.DataFrame({"first": first, "last": [at + 3600 for at in first], "rows": rows})


def first_fold(training: pd.DataFrame) -> Fold:
    return walk_forward_folds(training["first"].tolist(), int(training["last"].max()) + 1, 250)[0]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((49, 50, 390, 390), "99 rows to train with and 780 to judge with"),
        ((390, 390, 50, 49), "780 rows to train with and 99 to judge with"),
    ],
)
def test_too_few_rows_on_one_side_of_the_first_fold_are_refused_with_what_to_do(
    rows: tuple[int, ...], told: str
) -> None:
    training = sessions(*rows)
    with pytest.raises(TooLittleHistory, match=f"{told} are too few, {MIN_ROWS} of each.*STOCKML_HISTORY_MONTHS"):
        _check(training, first_fold(training))


def test_just_enough_rows_are_taken() -> None:
    training = sessions(50, 50, 50, 50)
    _check(training, first_fold(training))


@pytest.mark.parametrize(
    ("rows", "at_once"),
    [(0, 5), (40_000, 5), (MAX_CONCURRENT_ROWS // 2, 2), (MAX_CONCURRENT_ROWS, 1), (10 * MAX_CONCURRENT_ROWS, 1)],
)
def test_few_rows_are_walked_side_by_side_and_many_fold_after_fold(rows: int, at_once: int) -> None:
    assert concurrent_steps(rows, 5) == at_once


@pytest.mark.parametrize(
    ("regime_change_at", "trains"),
    [
        (None, range(18)),
        (10 * DAY + 7200, range(10, 18)),  # the session that gave the alert, and seven since
        (11 * DAY + 7200, range(18)),  # one too few, as those held out do not count
    ],
)
def test_history_begins_with_an_alert_once_enough_sessions_train_since(
    regime_change_at: int | None, trains: range
) -> None:
    known = sessions(*[390] * 20)
    assert History(2, 250, regime_change_at).training_sessions(known).index.tolist() == list(trains)


def test_nothing_trains_where_all_sessions_are_held_out() -> None:
    assert History(5, 250, 3 * DAY).training_sessions(sessions(390, 390)).empty
