"""Store each DAG's last run for the dashboard."""

from typing import NamedTuple

from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings


class RunState(NamedTuple):
    """Hold how a run goes: running, success or failed; times of the wall in UTC epoch seconds, None where not yet."""

    state: str
    run_id: str
    started_at: float | None
    ended_at: float | None


def write_run_state(s: Settings, dag: str, run: RunState) -> None:
    """Keep a DAG's last run as the state of `dag:<id>`. Raises StoreUnavailable."""
    store = MonitoringStore.connect(s)
    try:
        store.write_state(f"dag:{dag}", run._asdict())
    finally:
        store.close()
