"""When does what run?

- `ingest_bars` runs when the producer announces on Kafka that a session closed. With a real source
  it also runs 90 minutes after the close of each session.
- `train_model` runs when `ingest_bars` announces clean bars, and when an alert wants a training.
  It skips until enough sessions closed (`stock_ml/training/retrain_policy.py`).
- `promote_model` runs when `train_model` announces a version.
- `monitor_forecasts` runs every five minutes of a session and two hours after its close. Where bars
  are simulated or replayed, it runs when the producer announces that a session closed.
- `maintain` runs each night at 03:00 UTC.

A schedule that depends on the settings is a function: Airflow calls it when it parses the DAG's file.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetOrTimeSchedule, get_current_context
from trading_sessions import TradingSessions, WithinSessions

from dags.assets import CLEAN_BARS, MODEL, RETRAINING_WANTED, SESSION_CLOSED
from stock_ml.config import load

if TYPE_CHECKING:
    from airflow.sdk.definitions.dag import ScheduleArg

TRAIN_MODEL = CLEAN_BARS | RETRAINING_WANTED
PROMOTE_MODEL = MODEL
MAINTAIN = "0 3 * * *"


def ingest_bars() -> "ScheduleArg":
    """Return the announcement of a closed session and, with a real source, 90 minutes after each close."""
    s = load()
    if not s.live:
        return [SESSION_CLOSED]
    timetable: Any = TradingSessions(s.exchange, s.closures, minutes=90)
    return AssetOrTimeSchedule(timetable=timetable, assets=[SESSION_CLOSED])


def monitor_forecasts() -> "ScheduleArg":
    """Return every five minutes of a session and two hours after it, or its announcement without a real source."""
    s = load()
    return WithinSessions(s.exchange, s.closures, every=5, after=120) if s.live else [SESSION_CLOSED]


def session_of() -> datetime | None:
    """Return when the session of a backfill's run opened, None in any other run: those look at all of the history."""
    context = get_current_context()
    return context["data_interval_start"] if context["dag_run"].run_type == "backfill" else None
