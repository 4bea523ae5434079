"""Months are planned by the source's clock."""

import numpy as np
import pytest

from stock_ml.domain.calendar import sessions
from stock_ml.domain.months import complete_at, ends_at, months_of

XNYS = sessions("XNYS")


def at(text: str) -> float:
    return float(np.datetime64(text, "s").astype(np.int64))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-03-15T15:00", ["2024-01", "2024-02", "2024-03"]),
        ("2024-03-01T14:30:59", ["2024-01", "2024-02"]),
        ("2024-03-01T14:31:00", ["2024-01", "2024-02", "2024-03"]),
        ("2024-01-01T20:00", ["2023-11", "2023-12"]),
    ],
)
def test_the_current_month_counts_from_its_first_finished_bar(now, expected):
    assert months_of(at(now), 2, XNYS) == expected


def test_a_month_ends_with_its_last_session_half_days_included():
    assert ends_at("2024-02", XNYS) == at("2024-02-29T21:00")
    assert ends_at("2024-11", XNYS) == at("2024-11-29T18:00")  # closes at 13:00 in New York


@pytest.mark.parametrize(
    ("now", "from_"),
    [
        ("2024-02-15T15:00:30", "2024-02-15T15:00:00"),  # within a session
        ("2024-02-15T22:00:00", "2024-02-15T21:00:00"),  # after its close
        ("2024-02-17T15:00:00", "2024-02-16T21:00:00"),  # at the weekend
        ("2024-03-04T15:00:00", "2024-02-29T21:00:00"),  # in the next month
    ],
)
def test_a_month_is_complete_when_no_minute_is_over_that_an_answer_lacks(now, from_):
    assert complete_at("2024-02", at(now), XNYS) == at(from_)
