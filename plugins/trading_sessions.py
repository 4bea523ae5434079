"""Timetables of an exchange's trading sessions: one run after each, or many within."""

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime
from pendulum import instance as in_pendulum

from stock_ml.domain.json_object import JsonObject

if TYPE_CHECKING:
    from stock_ml.domain.calendar import Sessions


class TradingSessions(Timetable):
    """Run once for each session of an exchange, `minutes` after its close; the session is the run's data interval.

    `closures` are days closed beyond what the calendar knows, as in the settings. Without catchup sessions that nobody
    ran for are passed over, but for the newest. Half days and holidays are the exchange's own.
    """

    def __init__(self, exchange: str, closures: tuple[str, ...] = (), minutes: int = 90) -> None:
        self.exchange, self.closures, self.minutes = exchange, tuple(closures), minutes
        self.description = f"Each trading session of {exchange}, {minutes} minutes after its close"

    @property
    def summary(self) -> str:
        """Return what the list of DAGs shows."""
        return f"{self.exchange} sessions"

    def serialize(self) -> JsonObject:
        """Return the fields for Airflow's database."""
        return {"exchange": self.exchange, "closures": list(self.closures), "minutes": self.minutes}

    @classmethod
    def deserialize(cls, data: JsonObject) -> "TradingSessions":
        """Return the timetable with these fields."""
        return cls(data["exchange"], tuple(data["closures"]), data["minutes"])

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the newest session that had closed at that time, however few minutes before."""
        return self._interval(max(self._sessions().ended(run_after.timestamp()) - 1, 0))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next session to run for, and when; None where it opens after the latest time allowed.

        So it is where the calendar ends before: the newer calendars of an update have the next one.
        """
        at = self._next(last_automated_data_interval, restriction)
        if at >= len(self._sessions().dates):
            return None
        interval = self._interval(at)
        if restriction.latest is not None and interval.start > restriction.latest:
            return None
        return DagRunInfo(run_after=interval.end + timedelta(minutes=self.minutes), data_interval=interval)

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> int:
        sessions, earliest = self._sessions(), restriction.earliest
        due = sessions.ended(datetime.now(UTC).timestamp() - 60 * self.minutes)  # the first not to be run for yet
        at = due if last is None else sessions.ended(last.end.timestamp())
        if not restriction.catchup:
            at = max(at, due - 1)
        elif last is None and earliest is not None:
            at = 0
        return at if earliest is None else max(at, int(sessions.opens.searchsorted(earliest.timestamp())))

    def _interval(self, number: int) -> DataInterval:
        sessions = self._sessions()
        edges = (sessions.opens[number], sessions.closes[number])
        return DataInterval(*(in_pendulum(datetime.fromtimestamp(int(edge), UTC)) for edge in edges))

    def _sessions(self) -> "Sessions":
        return _load(self.exchange, self.closures)


class WithinSessions(Timetable):
    """Run every `every` minutes of each session of an exchange until its close, and once `after` minutes after it.

    A run's interval is a point in time. What was missed is not made up for, but for the newest.
    """

    def __init__(self, exchange: str, closures: tuple[str, ...] = (), every: int = 5, after: int = 120) -> None:
        self.exchange, self.closures, self.every, self.after = exchange, tuple(closures), every, after
        sessions = f"Every {every} minutes of each trading session of {exchange}"
        self.description = f"{sessions}, and {after} minutes after its close"

    @property
    def summary(self) -> str:
        """Return what the list of DAGs shows."""
        return f"within {self.exchange} sessions"

    def serialize(self) -> JsonObject:
        """Return the fields for Airflow's database."""
        closures = list(self.closures)
        return {"exchange": self.exchange, "closures": closures, "every": self.every, "after": self.after}

    @classmethod
    def deserialize(cls, data: JsonObject) -> "WithinSessions":
        """Return the timetable with these fields."""
        return cls(data["exchange"], tuple(data["closures"]), data["every"], data["after"])

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the moment itself."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next moment to run at; None where it is after the latest time allowed, or the calendar ends."""
        last = -math.inf if last_automated_data_interval is None else last_automated_data_interval.end.timestamp()
        if not restriction.catchup:
            last = max(last, datetime.now(UTC).timestamp() - 60 * self.every)
        if restriction.earliest is not None:
            last = max(last, restriction.earliest.timestamp() - 1)
        following = self._following(last)
        if following is None:
            return None
        at = in_pendulum(datetime.fromtimestamp(following, UTC))
        return None if restriction.latest is not None and at > restriction.latest else DagRunInfo.exact(at)

    def _following(self, ts: float) -> int | None:
        """Return the first moment after a time, both in UTC epoch seconds; None where no session is known."""
        sessions = _load(self.exchange, self.closures)
        # the session whose last moment is ahead still, and the one that is open: another, where sessions touch
        numbers = {sessions.ended(ts - 60 * self.after), sessions.ended(ts)} - {len(sessions.dates)}
        return min((self._within(ts, sessions, number) for number in numbers), default=None)

    def _within(self, ts: float, sessions: "Sessions", number: int) -> int:
        """Return the first moment of a session after a time, or the one after its close."""
        opens, closes, step = int(sessions.opens[number]), int(sessions.closes[number]), 60 * self.every
        ahead = opens + max(1, int((ts - opens) // step) + 1) * step
        return ahead if ahead <= closes else closes + 60 * self.after


def _load(exchange: str, closures: tuple[str, ...]) -> "Sessions":
    from stock_ml.domain.calendar import sessions  # loads pandas and the calendars: the scheduler needs them, no parser

    return sessions(exchange, closures)


class TradingSessionsPlugin(AirflowPlugin):
    """Register the timetables, so that Airflow can keep them in its database."""

    name = "trading_sessions"
    timetables = [TradingSessions, WithinSessions]  # noqa: RUF012 - Airflow declares a list
