"""Notify a person by mail or webhook of a failed run, an alert or a new version."""

from stock_ml.adapters.notifier import notify
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from stock_ml.evaluation.live_performance import Alert
from stock_ml.evaluation.training_result import TrainingResult
from stock_ml.monitoring.freshness import DEADLINE

NOT_EVALUATED = "the live forecasts could not be judged"
UNKNOWN = f"a session's bars are not clean in time, or {NOT_EVALUATED}"


def notify_failure(s: Settings, dag: str, run: str) -> None:
    """Notify a person of a failed run, with its address; of a missed deadline, with the symbols."""
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
    """Notify a person of an alert: a training starts."""
    notify(s, f"alert, {alert.kind}", f"{alert.reason}\ntrain_model starts; {s.mlflow}")


def notify_late_forecasts(s: Settings, alarm: str) -> None:
    """Notify a person that too many forecasts are late."""
    notify(s, "too many forecasts are late", alarm)


def notify_training(s: Settings, training: TrainingResult) -> None:
    """Notify a person of a new version, and whether it serves or waits for approval."""
    status = "serves" if training["alias"] == "champion" else "waits for a person: ./stockml promote"
    summary = f"{training['promoted']}, skill {training['skill']:.1%}: {training['reason']}"
    notify(s, f"version {training['version']} {status}", f"{summary}\n{s.mlflow}/#/runs/{training['run_id']}")
