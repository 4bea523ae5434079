"""What became of each symbol of a run, as Airflow knows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.providers.standard.operators.empty import EmptyOperator

from dags.retries import FAILED

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from stock_ml.domain.ingest_records import IngestItem

STEPS = ("symbol.download", "symbol.clean")
UNTOLD = "it ended without a word: see the task's log"


def not_clean(ti: "RuntimeTaskInstanceProtocol", items: "Sequence[IngestItem]") -> dict[str, str]:
    """Return why symbols of the run's items are not clean, by symbol; those that are clean stay out."""
    states = ti.get_task_states(ti.dag_id, task_ids=[STEPS[-1]], run_ids=[ti.run_id]).get(ti.run_id, {})
    failures = [found for found in ti.xcom_pull(task_ids=STEPS, key=FAILED) if found]
    reasons = {found["map_index"]: found["reason"] for found in failures}
    failed = [i for i in range(len(items)) if states.get(f"{STEPS[-1]}_{i}") != "success"]
    return {items[i]["symbol"]: reasons.get(i, UNTOLD) for i in failed}


def all_clean() -> EmptyOperator:
    """Return a task that ends well where each symbol did: with it a run fails where one is not clean."""
    return EmptyOperator(task_id="all_clean")
