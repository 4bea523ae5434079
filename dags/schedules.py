"""When DAGs run that follow the market, and for which session."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetOrTimeSchedule, get_current_context
from trading_sessions import TradingSessions, WithinSessions

from dags.assets import SESSION_CLOSED
from stock_ml.config import load

if TYPE_CHECKING:
    from airflow.sdk.definitions.dag import ScheduleArg


def after_each_session(minutes: int) -> "ScheduleArg":
    """Return the schedule of what follows a session: its announcement, and the wall's time with a real source."""
    s = load()
    if not s.live:
        return [SESSION_CLOSED]
    timetable: Any = TradingSessions(s.exchange, s.closures, minutes)
    return AssetOrTimeSchedule(timetable=timetable, assets=[SESSION_CLOSED])


def within_each_session(every: int, after: int) -> "ScheduleArg":
    """Return the schedule of what looks on: every so many minutes and once after; by announcements where simulated."""
    s = load()
    return WithinSessions(s.exchange, s.closures, every, after) if s.live else [SESSION_CLOSED]


def session_of() -> datetime | None:
    """Return when the session of a backfill's run opened, None in any other run: those look at all of the history."""
    context = get_current_context()
    return context["data_interval_start"] if context["dag_run"].run_type == "backfill" else None
