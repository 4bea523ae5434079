"""Tasks are forked from a process that has others' libraries in memory, and none of the project's code."""

from tests.dags.conftest import ROOT, Airflow


def test_workers_begin_with_the_libraries_of_others_and_nothing_of_ours(airflow: Airflow) -> None:
    found = airflow.ask("workers", PYTHONPATH=f"{ROOT}:{ROOT}/plugins").value
    assert found == {"missing": [], "maps": [True, True], "ours": []}
