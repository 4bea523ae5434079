"""What runs when, and what passes from one DAG to the next."""

from typing import Any

import pytest

from stock_ml.training.spark_models import RECIPES
from tests.dags.conftest import Airflow


def test_ingest_goes_from_the_bucket_to_one_event(parsed: dict[str, Any]) -> None:
    tasks = parsed["sandbox"]["dags"]["ingest_bars"]["tasks"]
    assert {name: task["after"] for name, task in tasks.items()} == {
        "create_bucket": [],
        "plan": ["create_bucket"],
        "ingest": ["plan"],
        "publish": ["ingest", "plan"],
        "all_clean": ["ingest"],  # a run fails where one symbol does, and training goes on with the others
    }
    assert tasks["publish"]["rule"] == "all_done_min_one_success"
    assert {name: task["outlets"] for name, task in tasks.items() if task["outlets"]} == {"publish": ["clean_bars"]}


def test_training_starts_with_clean_bars_or_an_alert_and_gives_a_model(parsed: dict[str, Any]) -> None:
    dag = parsed["sandbox"]["dags"]["train_model"]
    assert dag["timetable"] == "AssetTriggeredTimetable"
    assert {name: task["outlets"] for name, task in dag["tasks"].items()} == {"train": ["stock_close"]}


@pytest.mark.parametrize(
    ("source", "timetable"),
    [
        ("alpha_vantage", "AssetOrTimeSchedule"),
        ("yahoo", "AssetOrTimeSchedule"),
        ("alpaca", "AssetOrTimeSchedule"),
        ("sandbox", "AssetTriggeredTimetable"),
        ("csv", "AssetTriggeredTimetable"),
    ],
)
def test_the_wall_starts_ingest_with_a_real_exchange_only(parsed: dict[str, Any], source: str, timetable: str) -> None:
    assert parsed[source]["dags"]["ingest_bars"]["timetable"] == timetable


@pytest.mark.parametrize(("source", "timetable"), [("yahoo", "WithinSessions"), ("sandbox", "AssetTriggeredTimetable")])
def test_monitoring_looks_on_within_the_sessions_of_a_real_exchange(
    parsed: dict[str, Any], source: str, timetable: str
) -> None:
    assert parsed[source]["dags"]["monitor_forecasts"]["timetable"] == timetable


def test_upkeep_runs_at_night_and_no_part_waits_for_another(parsed: dict[str, Any]) -> None:
    dag = parsed["sandbox"]["dags"]["maintain"]
    assert dag["timetable"] == "CronTriggerTimetable"
    assert {name: task["after"] for name, task in dag["tasks"].items()} == {
        "retire": [],
        "tidy_runs": [],
        "back_up": [],
        "forget_old": [],
        "forget_airflow": [],
    }


def test_a_person_chooses_symbols_and_days_to_ingest(parsed: dict[str, Any]) -> None:
    form = parsed["yahoo"]["dags"]["ingest_bars"]["form"]
    assert {name: field["value"] for name, field in form.items()} == {
        "symbols": ["GOOGL", "AAPL", "AMZN", "MSFT", "NVDA"],
        "from": None,
        "to": None,
        "source": "yahoo",
        "force": False,
    }
    assert form["source"]["enum"] == ["yahoo"]


def test_of_thousands_of_symbols_the_form_lists_none(airflow: Airflow) -> None:
    symbols = ",".join(f"S{number}" for number in range(10_000))
    dags = airflow.ask("parse", "sandbox", STOCKML_SYMBOLS=symbols).value["sandbox"]["dags"]
    field = dags["ingest_bars"]["form"]["symbols"]
    assert (field["value"], field["type"], field["items"]) == (None, ["null", "array"], {"type": "string"})
    assert "all 10,000 symbols" in field["description_md"]


def test_a_person_is_asked_before_the_alias_moves(parsed: dict[str, Any]) -> None:
    dag = parsed["sandbox"]["dags"]["promote_model"]
    assert dag["timetable"] == "AssetTriggeredTimetable"
    after = {"see_asked": [], "approve": ["see_asked"], "promote": ["approve", "see_asked"]}
    assert {name: task["after"] for name, task in dag["tasks"].items()} == after
    assert parsed["sandbox"]["dags"]["train_model"]["form"]["becomes"]["enum"] == ["champion", "challenger", "ask"]


def test_a_person_chooses_candidates_sessions_and_what_becomes_of_the_version(parsed: dict[str, Any]) -> None:
    form = parsed["sandbox"]["dags"]["train_model"]["form"]
    assert {name: field["value"] for name, field in form.items()} == {
        "candidates": ["linear", "huber"],
        "sessions": 250,
        "becomes": "champion",
    }
    assert form["candidates"]["items"]["enum"] == list(RECIPES)
