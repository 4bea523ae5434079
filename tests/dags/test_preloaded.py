"""Tasks are forked from a process that has others' libraries in memory, none of the project's code, and end with it."""

import json
from collections.abc import Iterator
from contextlib import suppress

import psutil
import psycopg
import pytest

from stock_ml.config import Settings
from tests.dags.conftest import ROOT, Airflow
from tests.dags.scheduler import LOCK


def test_workers_begin_with_the_libraries_of_others_and_nothing_of_ours(airflow: Airflow) -> None:
    found = airflow.ask("workers", PYTHONPATH=f"{ROOT}:{ROOT}/plugins").value
    assert found == {"missing": [], "maps": [True, True], "ours": []}


@pytest.fixture
def killed(airflow: Airflow, postgres: Settings) -> Iterator[list[psutil.Process]]:
    """What a scheduler forked that was killed in the middle of a transaction."""
    with airflow.start("tests.dags.scheduler", postgres.postgres(), PYTHONPATH=f"{ROOT}:{ROOT}/plugins") as scheduler:
        forked = [psutil.Process(pid) for pid in json.loads(scheduler.stdout.readline())]
        scheduler.kill()
    yield forked
    for process in forked:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_killed_scheduler_takes_workers_and_tasks_along_and_leaves_no_lock(killed, postgres: Settings) -> None:
    """Were one left, it would hold the scheduler's connection, and with it the locks on the runs, for ever."""
    _, alive = psutil.wait_procs(killed, timeout=20)
    assert not alive
    with psycopg.connect(postgres.postgres()) as connection:
        connection.execute("set lock_timeout = '20s'")
        connection.execute(LOCK)
