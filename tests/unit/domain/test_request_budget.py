"""What a tier allows, and how long a plan takes on it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.request_budget import Budget, day_of, next_day


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


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-11-27T03:00", "2026-11-27T05:00"),  # 22:00 of the day before in New York
        ("2026-11-27T05:00", "2026-11-28T05:00"),
        ("2024-03-10T05:00", "2024-03-11T04:00"),  # 23 hours: the clock goes forward
        ("2024-11-03T04:00", "2024-11-04T05:00"),  # 25 hours: it goes back
    ],
)
def test_the_next_day_begins_at_midnight_in_new_york(now, begins):
    assert next_day(at(now)) == at(begins)


@given(st.integers(0, 4_000_000_000))
def test_the_next_day_is_the_first_second_of_another_day(now):
    begins = next_day(now)
    assert now < begins <= now + 25 * 3600
    assert (day_of(begins - 1), day_of(begins)) == (day_of(now), day_of(now) + timedelta(days=1))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
