"""What a person is told of by mail or webhook: a failed run, an alert, a promotion."""

from collections.abc import Mapping
from typing import Any

from stock_ml.adapters.notifier import notify
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from stock_ml.evaluation.live_performance import Alert
from stock_ml.monitoring.freshness import DEADLINE

NOT_EVALUATED = "the live forecasts could not be judged"
UNKNOWN = f"a session's bars are not clean in time, or {NOT_EVALUATED}"


def notify_failure(s: Settings, dag: str, run: str) -> None:
    """Tell that a run failed, and where to look; of a deadline that was missed, the symbols."""
    why = f"{_deadline_message(s)}\n" if s.notify and dag == "monitor_forecasts" else ""
    notify(s, f"{dag} failed", f"{why}run {run}: http://127.0.0.1:{s.airflow_port}/dags/{dag}/runs/{run}")


def _deadline_message(s: Settings) -> str:
    store = MonitoringStore.connect(s)
    try:
        state = store.read_state(DEADLINE)
    except StoreUnavailable as error:
        return f"{UNKNOWN} ({error})"
    finally:
        store.close()
    return UNKNOWN if state is None else str(state["told"] or NOT_EVALUATED)


def notify_alert(s: Settings, alert: Alert) -> None:
    """Tell that an alert was opened: a training starts."""
    notify(s, f"alert, {alert.kind}", f"{alert.reason}\ntrain_model starts; {s.mlflow}")


def notify_training(s: Settings, training: Mapping[str, Any]) -> None:
    """Tell what a training made, and that it serves or waits."""
    status = "serves" if training["alias"] == "champion" else "waits for a person: ./stockml promote"
    summary = f"{training['promoted']}, skill {training['skill']:.1%}: {training['reason']}"
    notify(s, f"version {training['version']} {status}", f"{summary}\n{s.mlflow}/#/runs/{training['run_id']}")
