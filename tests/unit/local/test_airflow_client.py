"""What Airflow's REST API tells of a task that failed, also where it cannot read the task's log."""

from pathlib import Path

import pytest

from local.airflow_client import Airflow, AirflowFault, Query
from local.secrets import ensure_secrets
from stock_ml.config import load
from stock_ml.domain.json_object import JsonObject

TASK = {"dag_id": "d", "dag_run_id": "r", "task_id": "create_bucket", "map_index": -1, "try_number": 1}


class WithoutLogs(Airflow):
    """Answer as an api-server that cannot read logs: those of the first task are in the bucket that it makes."""

    def get(self, path: str, query: Query | None = None) -> JsonObject:
        if "/logs/" in path:
            raise AirflowFault("Airflow answers 500: Internal Server Error")
        return {"task_instances": [TASK | {"state": "failed"}]}


@pytest.fixture
def airflow(tmp_path: Path) -> Airflow:
    s = load(home=tmp_path)
    return WithoutLogs(s, ensure_secrets(s))


def test_a_failure_is_told_by_its_task_where_the_log_cannot_be_read(airflow: Airflow) -> None:
    told = airflow.failure_reason("d", "r")
    assert told == "task create_bucket: Airflow cannot read its log (Airflow answers 500: Internal Server Error)"


def test_a_task_that_is_tried_again_stops_nobody_where_its_log_cannot_be_read(airflow: Airflow) -> None:
    assert airflow.waiting_reason("d") == ""
