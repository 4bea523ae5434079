"""Which failures are final, and what Airflow's navigation offers."""

import re
import time
from datetime import datetime
from typing import Any

import pytest

from stock_ml.domain.request_budget import next_day
from tests.dags.conftest import Airflow

FINAL = {"BadInput", "BadBars", "BadFile", "BadQuality", "AmbiguousLabels", "BadMessage", "BadSetting"}
FINAL |= {
    "BadKey",
    "PremiumEndpoint",
    "BadSymbol",
    "NoBars",
    "NoNetwork",
    "TooLarge",
    "HostError",
    "DiskFull",
    "OtherMarket",
}
FINAL |= {"TooLittleHistory", "SchemaMismatch", "ParityError", "TooFewSymbols"}


def decided(airflow: Airflow, *tried: int) -> dict[str, list[Any]]:
    return airflow.ask("decide", *map(str, tried)).value


def test_what_another_try_cannot_help_fails_at_once_and_says_why(airflow: Airflow) -> None:
    decisions = decided(airflow)
    assert {name for name, (action, *_) in decisions.items() if action == "fail"} == FINAL
    assert {name for name, (action, *_) in decisions.items() if action == "default"} >= {"BurstLimit", "ValueError"}
    assert all(reason.startswith(f"{name}: why") for name, (_, reason, *_) in decisions.items())


def test_a_spent_day_waits_for_the_next_one_and_says_until_when(airflow: Airflow) -> None:
    before = time.time()
    action, reason, seconds, waited, _ = decided(airflow)["DailyLimit"]
    told = re.fullmatch(r"DailyLimit: why; tried again after (\S+ \S+) UTC", reason)
    assert told
    begins = datetime.fromisoformat(f"{told[1]}+00:00").timestamp() - 300  # five minutes before that
    assert (action, waited, next_day(begins - 1)) == ("retry", 1, begins), "midnight in New York"
    assert before - 1 < begins <= before + 25 * 3600 + 60
    assert seconds == pytest.approx(begins + 300 - before, abs=60)


@pytest.mark.parametrize(
    ("tries", "most", "waited", "spent", "away"),
    [
        (1, 32, 0, "retry", "default"),
        (2, 32, 0, "retry", "default"),
        (3, 32, 0, "retry", "fail"),  # its third try, and none was a wait
        (12, 32, 10, "retry", "default"),
        (13, 32, 10, "retry", "fail"),
        (5, 36, 0, "retry", "default"),  # a person cleared it after four tries
        (33, 32, 30, "fail", "fail"),  # no retry is left
    ],
)
def test_waits_are_no_tries(airflow: Airflow, tries: int, most: int, waited: int, spent: str, away: str) -> None:
    decisions = decided(airflow, tries, most, 32, waited)
    assert (decisions["DailyLimit"][0], decisions["TimedOut"][0]) == (spent, away)
    assert decisions["BadKey"][0] == "fail"


def test_a_task_that_failed_for_good_leaves_why_and_no_words_of_an_unknown_error(airflow: Airflow) -> None:
    left = {name: found for name, (*_, found) in decided(airflow, 3).items()}
    assert left["BadKey"] == {"failed": {"map_index": 3, "reason": "BadKey: why"}}
    assert left["TimedOut"] == {"failed": {"map_index": 3, "reason": "TimedOut: why"}}
    assert left["ValueError"] == {"failed": {"map_index": 3, "reason": "ValueError, see its log"}}
    assert decided(airflow)["TimedOut"][-1] == {}


def test_the_navigation_opens_dashboard_mlflow_and_exchange(airflow: Airflow) -> None:
    found = airflow.ask("plugins", STOCKML_SOURCE="sandbox", STOCKML_DASHBOARD_PORT="9000").value
    assert found["errors"] == {}
    assert found["imported"] == []
    assert all(view["url_route"].startswith("stock-ml-") for view in found["views"]["stock_ml"])
    assert {view["name"]: view["href"] for view in found["views"]["stock_ml"]} == {
        "Forecasts": "http://127.0.0.1:9000/",
        "Models": "http://127.0.0.1:8602/#/models/stock-close",
        "Exchange (SIMULATED)": "http://127.0.0.1:8603",
    }


def test_a_real_source_has_no_exchange_to_open(airflow: Airflow) -> None:
    found = airflow.ask("plugins", STOCKML_SOURCE="alpha_vantage", STOCKML_MLFLOW_URL="https://mlflow.example").value
    pages = {view["name"]: view["href"] for view in found["views"]["stock_ml"]}
    models = "https://mlflow.example/#/models/stock-close-alpha-vantage"
    assert pages == {"Forecasts": "http://127.0.0.1:8600/", "Models": models}
