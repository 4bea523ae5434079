"""What a tier allows, and how long a plan takes on it."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.budget import Budget, day_of


@given(st.integers(1, 1200), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_minute_holds_more_requests_than_the_plan_has_wherever_it_begins(per_minute, steps):
    budget, now, slots = Budget(per_minute), 1_700_000_000.0, []
    for step in steps:
        now += step
        slots.append(budget.slot(slots[-1] if slots else None, now))
        assert slots[-1] >= now
    for first in slots:
        assert sum(first <= slot < first + 60 - 1e-6 for slot in slots) <= per_minute


@pytest.mark.parametrize(
    ("per_day", "requests", "spent", "days"),
    [(0, 120, 0, 1), (25, 0, 0, 0), (25, 25, 0, 1), (25, 26, 0, 2), (25, 120, 0, 5), (25, 1, 25, 2), (25, 30, 40, 3)],
)
def test_a_plan_takes_so_many_days(per_day, requests, spent, days):
    assert Budget(75, per_day).days(requests, spent) == days


def test_a_spent_day_has_no_more_and_an_unlimited_one_always():
    assert not Budget(75, 25).allows(25)
    assert Budget(75, 25).allows(24)
    assert Budget(75, 0).allows(10**6)


def test_a_rate_is_spread_over_the_minute_and_no_rate_waits_for_nothing():
    assert Budget(75).seconds(120) == pytest.approx(96)
    assert Budget().slot(100.0, 90.0) == 100.0
    assert Budget().seconds(120) == 0


@pytest.mark.parametrize(("hour", "day"), [(3, date(2024, 3, 4)), (4, date(2024, 3, 4)), (5, date(2024, 3, 5))])
def test_days_are_those_of_new_york(hour, day):
    assert day_of(datetime(2024, 3, 5, hour, 59, tzinfo=UTC).timestamp()) == day
