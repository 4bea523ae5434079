"""What an ingest costs, in the doctor's words."""

from typing import Any

import pytest

from stock_ml.doctor.ingest_plan import DAYS, cost, scaled
from stock_ml.domain.request_budget import Budget
from stock_ml.ingestion.plan import Plan


def plan(symbols: int, months: int, budget: Budget, used: int = 0) -> Plan:
    items: Any = [{"symbol": f"S{number}", "months": ["2024-03"] * months} for number in range(symbols)]
    return Plan(items, [months] * symbols, budget, used)


@pytest.mark.parametrize(
    ("made", "message", "advice"),
    [
        (plan(5, 13, Budget()), "5 symbols, 65 months to clean, 65 requests: at once; 5 tasks, about 1 min", ""),
        (plan(5, 2, Budget(5, 25), 20), "10 requests: about 2.0 min at 5 a minute, on 2 days of 25 requests", DAYS),
        (plan(10_000, 1, Budget(75)), "10000 requests: about 133.3 min at 75 a minute; 40 tasks, about 21 min", ""),
    ],
)
def test_the_cost_is_told_in_requests_tasks_and_time(made: Plan, message: str, advice: str) -> None:
    found = cost(made)
    assert message in found.message
    assert (found.advice, found.state) == (advice, "note" if advice else "ok")


def test_many_symbols_are_taken_to_be_like_the_ones_that_were_looked_up() -> None:
    looked_up = plan(4, 1, Budget(75))
    looked_up.request_counts[0] = 13
    found = scaled(looked_up, 4_000)
    assert (len(found.items), found.requests) == (4_000, 1_000 * looked_up.requests)
