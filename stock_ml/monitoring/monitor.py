"""Evaluate the live forecasts, and raise an alert, which starts a training, where they breach a limit."""

import logging
from typing import Any, TypedDict

from stock_ml.adapters.broker import Publisher
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BrokerUnavailable
from stock_ml.evaluation.live_performance import (
    Alert,
    Limits,
    MonitoringReport,
    late_alarm,
    limit_breach,
    monitoring_report,
)
from stock_ml.monitoring.live_drift import drift
from stock_ml.monitoring.notify import notify_alert, notify_late_forecasts

log = logging.getLogger(__name__)
LATE = "late"  # the state that says what a person was told of late forecasts


class MonitoringResult(TypedDict):
    """Hold the report on the serving version and the open alert as JSON, None where there is none."""

    report: dict[str, Any] | None
    alert: dict[str, Any] | None


def monitor(s: Settings) -> MonitoringResult:
    """Evaluate the serving version over its newest sessions, store the report, and publish an open alert to Kafka.

    Return the report and the open alert. An alert is published again at each evaluation until a training after it ended
    well; then none is raised until as many sessions have closed as are evaluated. A person is told where too many
    forecasts are late; that is no alert, as no training helps. Raises StoreUnavailable, RegistryUnavailable,
    SourceUnavailable or BrokerUnavailable.
    """
    store = MonitoringStore.connect(s)
    try:
        newest = rest.newest(s)
        if newest and store.close_alert(newest.creation_timestamp / 1000):
            log.info("the open alert is closed: version %s was registered after it", newest.version)
        now = _now(s, store)
        report = _evaluate(s, store, now)
        alert = _alert(s, store, report, now)
    finally:
        store.close()
    if alert:
        _publish(s, alert)
    return {"report": report._asdict() if report else None, "alert": alert._asdict() if alert else None}


def _evaluate(s: Settings, store: MonitoringStore, now: float) -> MonitoringReport | None:
    version = store.serving_version()
    report = _report(s, store, version, now) if version else None
    if report is None:
        log.info("no forecast has an outcome yet: there is nothing to evaluate")
        return None
    store.write_report(report, now)
    log.info("version %s: %s", version, report)
    _tell_of_late_forecasts(s, store, report.alarm)
    return report


def _tell_of_late_forecasts(s: Settings, store: MonitoringStore, alarm: str | None) -> None:
    """Notify a person once, until the share of late forecasts was within its limit again."""
    before = store.read_state(LATE)
    store.write_state(LATE, {"told": alarm})
    if alarm:
        log.warning("late forecasts: %s", alarm)
    if alarm and not (before and before["told"]):
        notify_late_forecasts(s, alarm)


def _report(s: Settings, store: MonitoringStore, version: str, now: float) -> MonitoringReport | None:
    minutes = store.minute_errors(version, s.monitor_sessions)
    found = drift(s, store, version, now) if len(minutes.forecasts) else {}
    report = monitoring_report(version, minutes, found, store.timeliness(version, s.monitor_sessions))
    return report._replace(alarm=late_alarm(report, s.monitor_late)) if report else None


def _alert(s: Settings, store: MonitoringStore, report: MonitoringReport | None, now: float) -> Alert | None:
    newest = store.newest_alert()
    if newest and newest[1]:
        return newest[0]
    limits = Limits(s.monitor_skill, s.monitor_coverage, s.monitor_drift)
    breach = limit_breach(report, limits) if report else None
    if report is None or breach is None:
        return None
    if newest and not has_cooled_down(newest[0].market_at, now, s.calendars.of(s.symbols[0]), s.monitor_sessions):
        log.warning("no alert so soon after the last one: %s", breach.reason)
        return None
    if opened := store.raise_alert(breach, report.model_version, now):
        notify_alert(s, opened)
    return opened


def has_cooled_down(last: float, now: float, calendar: Sessions, sessions: int) -> bool:
    """Say whether enough sessions have closed since the last alert, times of the Clock."""
    return calendar.ended(now) - calendar.ended(last) >= sessions


def _publish(s: Settings, alert: Alert) -> None:
    log.warning("alert: %s", alert.reason)
    publisher = Publisher.connect(s)
    publisher.alert(alert)
    if publisher.flush(30):
        raise BrokerUnavailable(f"Kafka at {s.kafka} did not accept the alert; the next evaluation publishes it again")


def _now(s: Settings, store: MonitoringStore) -> float:
    if not s.replayed:
        return open_clock(s).now()
    return (store.newest_bar(s.symbols) or 0.0) + MINUTE  # a replay's time is when its newest bar was known
