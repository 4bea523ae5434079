"""Which symbols one task takes together."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.request_budget import Budget
from stock_ml.ingestion.batches import MONTH, ONE_EACH, SECONDS, SYMBOLS, TASKS, batch_sizes, limits, seconds_of
from stock_ml.ingestion.plan import Plan

TIMES = st.lists(st.one_of(st.just(0.0), st.floats(0, 2000)), max_size=3000)


def batches(seconds: list[float]) -> list[list[float]]:
    ends = list(accumulate(batch_sizes(seconds)))
    return [seconds[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(TIMES)
def test_every_symbol_is_in_one_batch_and_the_order_stays(seconds: list[float]) -> None:
    found = batches(seconds)
    assert [time for batch in found for time in batch] == seconds
    assert all(found)


@given(TIMES)
def test_a_batch_keeps_its_limits_or_is_one_symbol_and_there_are_few(seconds: list[float]) -> None:
    most, found = limits(seconds), batches(seconds)
    assert all(len(batch) == 1 or (len(batch) <= most.symbols and sum(batch) <= most.seconds) for batch in found)
    assert len(found) <= TASKS


@given(st.lists(st.floats(0, 2000), max_size=ONE_EACH))
def test_few_symbols_have_a_task_each(seconds: list[float]) -> None:
    assert batch_sizes(seconds) == [1] * len(seconds)


@given(st.integers(ONE_EACH + 1, 30_000), st.floats(0, 5000))
def test_there_are_never_more_tasks_than_airflow_bears(symbols: int, seconds: float) -> None:
    sizes = batch_sizes([seconds] * symbols)
    assert (sum(sizes), len(sizes) <= TASKS) == (symbols, True)


@pytest.mark.parametrize(
    ("months", "requests", "budget", "seconds"),
    [
        (1, 1, Budget(), MONTH),
        (13, 0, Budget(75), 13 * MONTH),  # all received: nothing waits
        (1, 1, Budget(75), 0.8),
        (0, 0, Budget(5, 25), 0.0),
        (1, 1, Budget(5, 25), 12.0),
        (1, 25, Budget(0, 25), SECONDS),  # a day's requests fill a batch
    ],
)
def test_a_symbol_takes_as_long_as_its_requests_or_its_months(
    months: int, requests: int, budget: Budget, seconds: float
) -> None:
    assert seconds_of(months, requests, budget) == pytest.approx(seconds)


def test_ten_thousand_symbols_and_a_month_are_forty_batches() -> None:
    assert batch_sizes([MONTH] * 10_000) == [SYMBOLS] * 40


def test_a_plan_gives_its_items_to_batches_with_the_time_of_the_plan() -> None:
    items = [{"symbol": f"S{number}", "months": ["2024-03"]} for number in range(300)]
    found = Plan(items, [1] * 300, Budget(), 0, 7.0).batches()
    assert [len(batch["items"]) for batch in found] == [250, 50]
    assert [item for batch in found for item in batch["items"]] == items
    assert {batch["planned_at"] for batch in found} == {7.0}
