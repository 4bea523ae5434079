"""What became of each symbol of a run, as Airflow and the lake know it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.providers.standard.operators.empty import EmptyOperator

from dags.retries import FAILED

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from stock_ml.config import Settings
    from stock_ml.domain.ingest_records import IngestBatch

TASK = "ingest"


def not_clean(s: "Settings", ti: "RuntimeTaskInstanceProtocol", batches: "Sequence[IngestBatch]") -> dict[str, str]:
    """Return why symbols of the run's batches are not clean, by symbol; those that are clean stay out."""
    from stock_ml.ingestion.outcomes import missing_symbols

    states = ti.get_task_states(ti.dag_id, task_ids=[TASK], run_ids=[ti.run_id]).get(ti.run_id, {})
    failed = [number for number in range(len(batches)) if states.get(f"{TASK}_{number}") != "success"]
    told = [failure for found in ti.xcom_pull(task_ids=[TASK], key=FAILED) if found for failure in found]
    return missing_symbols(s, batches, failed, told)


def batch_name(batch: "IngestBatch") -> str:
    """Return what Airflow shows of a batch: its symbol, or the first and the last one and how many there are."""
    symbols = [item["symbol"] for item in batch["items"]]
    return symbols[0] if len(symbols) == 1 else f"{symbols[0]} … {symbols[-1]} ({len(symbols)})"


def all_clean() -> EmptyOperator:
    """Return a task that ends well where each symbol did: with it a run fails where one is not clean."""
    return EmptyOperator(task_id="all_clean")
