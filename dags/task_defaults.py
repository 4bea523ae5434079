"""What holds for every DAG and task: names, owner, tries, what no log shows."""

from datetime import timedelta
from typing import TypedDict

from airflow.sdk.definitions.context import context_merge, get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from dags.retries import DAYS, RETRIES, ByKindOfError
from stock_ml.config import Settings, load


class DagRules(TypedDict):
    """Hold what every DAG has in common."""

    dag_id: str
    dag_display_name: str
    tags: list[str]
    default_args: dict[str, object]
    catchup: bool
    max_active_runs: int
    is_paused_upon_creation: bool


TASK_RULES: dict[str, object] = {
    "owner": "stock_ml",
    "retries": RETRIES,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": ByKindOfError(),
    "execution_timeout": timedelta(minutes=30),
}
MAY_WAIT = RETRIES + DAYS  # retries of a task that finds a day's requests spent


def dag_rules(dag_id: str) -> DagRules:
    """Return what every DAG has in common; its name and tags say SIMULATED where the bars are made up."""
    s = load()
    simulated = ["SIMULATED"] if s.simulated else []
    return {
        "dag_id": dag_id,
        "dag_display_name": " · ".join([dag_id, *simulated]),
        "tags": ["stock_ml", s.source, *simulated],
        "default_args": TASK_RULES,
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": False,
    }


def task_settings(**shown: str) -> Settings:
    """Read the settings for a task, and keep their secrets out of its log; `map_index_template` may show `shown`."""
    s = load()
    context_merge(get_current_context(), shown)
    for _, value in s:
        if isinstance(value, SecretStr):
            mask_secret(value.get_secret_value())
    return s


def skip_if(reason: str | None) -> None:
    """End the task as skipped where there is a reason for it; the reason is the last line of its log."""
    if reason:
        raise AirflowSkipException(reason)
