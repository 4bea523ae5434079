"""Which symbols of a run are missing, from what its tasks left."""

from typing import Any, cast

import pytest

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings, load
from stock_ml.ingestion.outcomes import UNTOLD, missing_symbols

BATCHES: list[Any] = [
    {"items": [{"symbol": name, "months": months} for name, months in batch.items()], "planned_at": 5.0}
    for batch in ({"A": ["2024-03"]}, {"B": [], "C": ["2024-03"], "D": ["2024-03"]}, {"E": [], "F": []})
]


class EmptyLake:
    """Stand for a lake in which nothing is stored."""

    def read_quality(self, symbol: str, month: str) -> None:
        return None

    @property
    def quality(self) -> "EmptyLake":
        return self

    def read_last_request(self, symbol: str, month: str) -> None:
        return None


@pytest.fixture
def s() -> Settings:
    return load(_env_file=None, source="yahoo", symbols="A,B,C,D,E,F")


def missing(s: Settings, failed: list[int], *told: tuple[int, str, str]) -> dict[str, str]:
    failures: Any = [{"batch": batch, "symbol": symbol, "reason": why} for batch, symbol, why in told]
    return missing_symbols(s, BATCHES, failed, failures, cast(Lake, EmptyLake()))


def test_where_all_tasks_ended_well_nothing_is_missing(s: Settings) -> None:
    assert missing(s, []) == {}


def test_a_batch_names_the_symbols_that_are_missing_and_the_others_are_clean(s: Settings) -> None:
    assert missing(s, [1], (1, "D", "BadFile: row 7")) == {"D": "BadFile: row 7"}


def test_the_reason_of_a_task_is_that_of_its_only_symbol_whatever_the_lake_holds(s: Settings) -> None:
    assert missing(s, [0], (0, "", "BadKey: why")) == {"A": "BadKey: why"}
    assert missing(s, [0]) == {"A": UNTOLD}


def test_of_a_batch_that_ended_as_a_whole_the_lake_says_what_is_clean(s: Settings) -> None:
    told = ((1, "D", "BadFile: row 7"), (1, "", "TimedOut: 30 min"))
    assert missing(s, [1, 2], *told) == {"D": "BadFile: row 7", "C": "TimedOut: 30 min"}  # of B nothing was wanted
    assert missing(s, [1]) == {"C": UNTOLD, "D": UNTOLD}
