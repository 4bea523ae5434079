"""Which failures are final, and what Airflow's navigation offers."""

import json
import re
import time
from datetime import datetime
from typing import Any

import pytest

from stock_ml.domain.request_budget import next_day
from tests.dags.conftest import Airflow

FINAL = {"BadInput", "BadBars", "BadFile", "BadQuality", "BadMessage", "BadSetting"}
FINAL |= {
    "BadKey",
    "BlockedRegion",
    "PremiumEndpoint",
    "BadSymbol",
    "NoBars",
    "NoNetwork",
    "TooLarge",
    "HostError",
    "DiskFull",
    "OtherMarket",
}
FINAL |= {"NewerServerData", "UpgradeFailed", "TooLittleHistory", "SchemaMismatch", "ParityError", "TooFewSymbols"}
FINAL |= {"UnknownSessions", "UntrustedBackup", "BadPlugin", "RegistryRefused", "AmbiguousReading", "TooManyBadRows"}


MOST = 7  # Airflow's maximum of retries, as most tasks have it
ONE, TWO, THREE = [[1, MOST]], [[1, MOST], [2, MOST]], [[1, MOST], [2, MOST], [3, MOST]]


def decided(airflow: Airflow, tries: list[list[int]]) -> dict[str, list[Any]]:
    return airflow.ask("decide", json.dumps(tries)).value


def actions(airflow: Airflow, *tries: tuple[str, int, int]) -> list[str]:
    found: list[str] = airflow.ask("fail", json.dumps(tries)).value["actions"]
    return found


def test_what_another_try_cannot_help_fails_at_once_and_says_why(airflow: Airflow) -> None:
    decisions = decided(airflow, ONE)
    assert {name for name, (action, *_) in decisions.items() if action == "fail"} == FINAL
    assert {name for name, (action, *_) in decisions.items() if action == "default"} >= {
        "BurstLimit",
        "ValueError",
        "AmbiguousTimestamps",  # the source's other symbols may say more by then
    }
    assert all(reason.startswith(f"{name}: why") for name, (_, reason, *_) in decisions.items())


def test_a_spent_day_waits_for_the_next_one_and_says_until_when(airflow: Airflow) -> None:
    before = time.time()
    action, reason, seconds, _ = decided(airflow, ONE)["DailyLimit"]
    told = re.fullmatch(r"DailyLimit: why; tried again after (\S+ \S+) UTC", reason)
    assert told
    begins = datetime.fromisoformat(f"{told[1]}+00:00").timestamp() - 300  # five minutes before that
    assert (action, next_day(begins - 1)) == ("retry", begins), "midnight in New York"
    assert before - 1 < begins <= before + 25 * 3600 + 60
    assert seconds == pytest.approx(begins + 300 - before, abs=60)


def test_a_task_that_fails_by_itself_is_tried_three_times(airflow: Airflow) -> None:
    assert [decided(airflow, tries)["TimedOut"][0] for tries in (ONE, TWO, THREE)] == ["default", "default", "fail"]


def test_tries_that_were_killed_are_no_failures(airflow: Airflow) -> None:
    """The policy hears nothing of a try that was killed: only its number is missing."""
    failures = [("TimedOut", 5, MOST), ("ServerError", 6, MOST), ("TimedOut", 7, MOST)]
    assert actions(airflow, *failures) == ["default", "default", "fail"]
    assert actions(airflow, ("TimedOut", 8, MOST)) == ["fail"]  # Airflow allows no try after the eighth


def test_waits_are_no_failures_either_and_end_with_the_tries_that_airflow_allows(airflow: Airflow) -> None:
    waits = [("DailyLimit", number, 37) for number in (1, 2, 4, 6, 37)]
    between = [("TimedOut", 3, 37), ("TimedOut", 5, 37), ("TimedOut", 7, 37)]
    found = actions(airflow, *sorted([*waits, *between], key=lambda one: one[1]))
    assert found == ["retry", "retry", "default", "retry", "default", "retry", "fail", "retry"]
    assert actions(airflow, ("DailyLimit", 38, 37)) == ["fail"]


def test_a_person_who_clears_a_task_gives_it_all_its_tries_again(airflow: Airflow) -> None:
    cleared = MOST + 3  # Airflow adds the tries until then to its maximum
    failures = [("TimedOut", number, MOST) for number in (1, 2, 3)]
    failures += [("TimedOut", number, cleared) for number in (4, 5, 6)]
    assert actions(airflow, *failures) == ["default", "default", "fail"] * 2


def test_a_task_that_failed_for_good_leaves_why_and_no_words_of_an_unknown_error(airflow: Airflow) -> None:
    left = {name: found for name, (*_, found) in decided(airflow, THREE).items()}
    assert left["BadKey"] == {"failed": [{"batch": 3, "symbol": "", "reason": "BadKey: why"}]}
    assert left["TimedOut"] == {"failed": [{"batch": 3, "symbol": "", "reason": "TimedOut: why"}]}
    assert left["ValueError"] == {"failed": [{"batch": 3, "symbol": "", "reason": "ValueError, see its log"}]}
    assert decided(airflow, ONE)["TimedOut"][-1] == {}


def test_a_training_knows_what_started_it(airflow: Airflow) -> None:
    found = airflow.ask("triggers").value
    clean = {"alerts": [], "by_person": False, "backfilled_at": None, "waiting": 0}
    assert found["person"] == clean | {"by_person": True}
    assert found["alerts"] == clean | {"alerts": [["skill", why, "7", 1.0, 2.0] for why in ("skill", "drift")]}
    assert found["backfill"] == clean | {"backfilled_at": 2.0, "waiting": 3}


def test_a_person_is_asked_about_the_newest_version(airflow: Airflow) -> None:
    assert airflow.ask("newest").value == {"newest": {"version": "7"}, "none": [{}, {}]}


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


def batch(airflow: Airflow, *tries: tuple[dict[str, str], int, int]) -> dict[str, Any]:
    return airflow.ask("fail_batch", json.dumps(tries)).value


def test_a_batch_is_tried_again_while_a_symbol_may_become_clean_and_then_each_has_its_reason(airflow: Airflow) -> None:
    first = {"A": "TimedOut", "B": "BadFile", "C": "DailyLimit"}
    found = batch(airflow, (first, 1, 37), ({"A": "TimedOut", "C": "DailyLimit"}, 2, 37), ({"A": "TimedOut"}, 3, 37))
    assert found["actions"] == ["default", "default", "fail"]
    assert found["given_up"] == [["B"], ["B"], ["A", "B"]]
    failed = [
        {"batch": 3, "symbol": name, "reason": why} for name, why in (("A", "TimedOut: why"), ("B", "BadFile: why"))
    ]
    assert found["left"] == {"failed": failed}


def test_a_batch_waits_for_the_next_day_where_nothing_else_is_left(airflow: Airflow) -> None:
    found = batch(airflow, ({"A": "DailyLimit", "B": "BadFile"}, 1, 37), ({}, 2, 37))
    assert found["actions"] == ["retry", "fail"]  # the next day A is clean, and B still is not
    assert [failure["symbol"] for failure in found["left"]["failed"]] == ["B"]


def test_a_batch_whose_time_is_up_goes_on_and_that_is_no_failure(airflow: Airflow) -> None:
    tries = [({"A": "BatchUnfinished"}, number, 37) for number in range(1, 9)]
    assert batch(airflow, *tries)["actions"] == ["default"] * 8


def test_a_task_that_dies_as_a_whole_passes_on_what_failed_before(airflow: Airflow) -> None:
    found = batch(airflow, ({"A": "BadFile", "B": "TimedOut"}, 1, 37), ({"": "StoreUnavailable"}, 38, 37))
    assert found["actions"] == ["default", "fail"]
    assert [(failure["symbol"], failure["reason"]) for failure in found["left"]["failed"]] == [
        ("A", "BadFile: why"),
        ("", "StoreUnavailable: why"),
    ]
