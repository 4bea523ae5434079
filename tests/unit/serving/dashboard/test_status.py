from pathlib import Path
from typing import Any

from serving.dashboard.status import STALE, Links, Said, freshness, service_states
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import Monitoring

PRODUCER = ServiceState({"now": 1_709_303_475.0, "market_open": True, "next_change": 1_709_326_800.0}, 0.5)
CONSUMER = ServiceState(
    {"model_version": "3", "trained_until": 1.0, "run_id": "abc", "waiting": None, "lag": 2, "forecasts": 9}, 1.0
)
LAST_BAR = 1_709_303_400_000
LINKS = Links("http://m", "http://a")


def states(services: dict[str, ServiceState], last_bar: int | None = None) -> dict[str, Any]:
    return service_states(Said(services, Monitoring(None, None)), last_bar, LINKS)


def test_a_bars_age_runs_from_the_minute_at_which_it_was_known() -> None:
    assert states({"producer": PRODUCER}, LAST_BAR)["last_bar_age"] == 15.0


def test_before_any_service_spoke_everything_is_unknown_and_stale() -> None:
    told = states({})
    assert [told[name] for name in ("now", "market_open", "last_bar_age", "model")] == [None] * 4
    assert told["producer"] == {"seen": False, "age": None, "stale": True, "waiting": None, "lag": None}


def test_a_service_long_silent_is_stale() -> None:
    assert not freshness(ServiceState({}, STALE))["stale"]
    assert freshness(ServiceState({}, STALE + 0.1))["stale"]


def test_the_model_links_to_its_run() -> None:
    told = states({"consumer": CONSUMER})
    assert told["model"] == {"version": "3", "trained_until": 1000, "url": "http://m/#/runs/abc"}
    assert told["consumer"]["lag"] == 2


def test_a_run_id_cannot_leave_its_place_in_the_address() -> None:
    consumer = ServiceState(CONSUMER.state | {"run_id": "../x?y"}, 1.0)
    model = states({"consumer": consumer})["model"]
    assert model["url"] == "http://m/#/runs/..%2Fx%3Fy"


def test_a_consumer_without_a_model_names_what_it_waits_for() -> None:
    told = states({"consumer": ServiceState({"waiting": "a champion"}, 1.0)})
    assert told["model"] is None
    assert told["consumer"]["waiting"] == "a champion"


def test_each_dags_last_run_is_told_with_its_place_in_airflow() -> None:
    run = {"state": "success", "run_id": "scheduled__2024-03-01T21:00:00+00:00", "started_at": 1.0, "ended_at": None}
    told = states({"dag:ingest_bars": ServiceState(run, 1.0), "producer": PRODUCER})["dags"]
    assert told[0] == {
        "id": "ingest_bars",
        "state": "success",
        "url": "http://a/dags/ingest_bars/runs/scheduled__2024-03-01T21%3A00%3A00%2B00%3A00",
        "started_at": 1000,
        "ended_at": None,
    }


def test_a_dag_that_never_ran_is_told_as_well_and_none_is_forgotten() -> None:
    told = states({})["dags"]
    files = sorted(file.stem for file in Path("dags").glob("*.py") if "@dag(" in file.read_text(encoding="utf-8"))
    assert [dag["id"] for dag in told] == files
    assert told[0] | {"id": ""} == {
        "id": "",
        "state": "no run yet",
        "url": "http://a/dags/ingest_bars",
        "started_at": None,
        "ended_at": None,
    }


def test_what_monitoring_found_is_told() -> None:
    alert = {"kind": "skill", "reason": "behind", "model_version": "3", "market_at": 1}
    told = service_states(Said({}, Monitoring(alert, None)), None, LINKS)
    assert (told["alert"], told["look"]) == (alert, None)
