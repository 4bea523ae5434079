"""Tasks are forked from a process that has others' libraries in memory, none of the project's code, and end with it."""

import json
from pathlib import Path

import psutil
import psycopg

from stock_ml.config import Settings
from tests.dags.conftest import ROOT, Airflow
from tests.dags.scheduler import LOCK

PLUGINS = f"{ROOT}:{ROOT}/plugins"


def test_workers_begin_with_the_libraries_of_others_and_nothing_of_ours(airflow: Airflow) -> None:
    found = airflow.ask("workers", PYTHONPATH=PLUGINS).value
    assert found == {"missing": [], "maps": [True, True], "ours": []}


def test_a_killed_scheduler_takes_workers_and_tasks_along_and_leaves_no_lock(
    airflow: Airflow, postgres: Settings, tmp_path: Path
) -> None:
    """Were one left, it would hold the scheduler's connection, and with it the locks on the runs, for ever."""
    ended = tmp_path / "ended"
    words = (postgres.postgres(), str(ended))
    with airflow.started("tests.dags.scheduler", *words, PYTHONPATH=PLUGINS) as scheduler:
        forked = [psutil.Process(pid) for pid in json.loads(scheduler.stdout.readline())]
        assert psutil.STATUS_ZOMBIE not in {process.status() for process in forked}
        scheduler.kill()
        _, alive = psutil.wait_procs(forked, timeout=20)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
        with psycopg.connect(postgres.postgres()) as connection:
            connection.execute("set lock_timeout = '20s'")
            connection.execute(LOCK)
    assert ended.read_text() == "in order\n"
