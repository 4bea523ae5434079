"""Every DAG file is parsed by Airflow, as an installation of each source would parse it."""

from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = {"ingest_bars.py", "maintain.py", "monitor_forecasts.py", "promote_model.py", "train_model.py"}
HELPERS = {
    *(
        "__init__.py",
        "assets.py",
        "events.py",
        "forms.py",
        "ingest_form.py",
        "kafka_events.py",
        "retries.py",
        "schedules.py",
    ),
    *("airflow_records.py", "error_kinds.py", "symbol_outcomes.py", "symbol_retries.py", "symbol_tries.py"),
    *("task_defaults.py",),
}
SOURCES = ["sandbox", "alpha_vantage", "yahoo", "alpaca", "csv"]


def every_dag(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    return [dag for source in SOURCES for dag in parsed[source]["dags"].values()]


@pytest.mark.parametrize("source", SOURCES)
def test_every_file_is_one_dag_and_none_fails_to_import(parsed: dict[str, Any], source: str) -> None:
    assert parsed[source]["errors"] == {}
    assert {dag["file"] for dag in parsed[source]["dags"].values()} == FILES
    assert {f"{name}.py" for name in parsed[source]["dags"]} == FILES
    assert {path.name for path in DAGS.glob("*.py")} == FILES | HELPERS


def test_the_docstring_of_the_file_is_the_page_in_the_ui(parsed: dict[str, Any]) -> None:
    for dag in every_dag(parsed):
        assert dag["doc"].startswith("### ")
        assert len(dag["doc"]) > 200


def test_every_task_has_an_owner_retries_a_policy_and_a_time_limit(parsed: dict[str, Any]) -> None:
    for dag in every_dag(parsed):
        for name, task in dag["tasks"].items():
            # it may have to wait for other days, and has several symbols
            retries, policy = (37, "BySymbol") if name == "ingest" else (7, "ByKindOfError")
            assert (task["owner"], task["retries"], task["policy"]) == ("stock_ml", retries, policy), name
            assert 0 < task["timeout"] <= 7200, name


def test_no_run_overlaps_another_and_none_is_made_up_for(parsed: dict[str, Any]) -> None:
    assert all(dag["at_once"] == 1 and not dag["catchup"] for dag in every_dag(parsed))


@pytest.mark.parametrize("source", SOURCES)
def test_a_person_sees_where_bars_are_simulated(parsed: dict[str, Any], source: str) -> None:
    for name, dag in parsed[source]["dags"].items():
        simulated = source == "sandbox"
        assert dag["shown"] == (f"{name} · SIMULATED" if simulated else name)
        assert set(dag["tags"]) == {"stock_ml", source} | ({"SIMULATED"} if simulated else set())


def test_parsing_imports_nothing_heavy_and_takes_no_time(parsed: dict[str, Any]) -> None:
    assert parsed["imported"] == []
    assert all(parsed[source]["seconds"] < 0.3 for source in SOURCES)


@pytest.mark.parametrize("file", sorted(FILES | HELPERS))
def test_a_file_stays_thin(file: str) -> None:
    assert len((DAGS / file).read_text().splitlines()) <= 65
