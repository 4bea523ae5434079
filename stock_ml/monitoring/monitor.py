"""Evaluate the live forecasts, and request a training where they are no good any more."""

import logging
from typing import Any

from stock_ml.adapters.broker import Publisher
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BrokerUnavailable
from stock_ml.evaluation.live_performance import Alert, Limits, MonitoringReport, alarm, monitoring_report
from stock_ml.monitoring.live_drift import drift
from stock_ml.monitoring.notify import alerted

log = logging.getLogger(__name__)


def monitor(s: Settings) -> dict[str, Any]:
    """Evaluate the serving version over its newest sessions, store the report, and publish an open alert to Kafka.

    Return the report and the open alert. An alert is published again at each evaluation until a training after it ended
    well; then none is raised until as many sessions have closed as are evaluated. Raises StoreUnavailable,
    RegistryUnavailable, SourceUnavailable or BrokerUnavailable.
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
        _tell(s, alert)
    return {"report": report and report._asdict(), "alert": alert and alert._asdict()}


def _evaluate(s: Settings, store: MonitoringStore, now: float) -> MonitoringReport | None:
    version = store.serving_version()
    report = _report(s, store, version, now) if version else None
    if report is None:
        log.info("no forecast has an outcome yet: there is nothing to evaluate")
        return None
    store.write_report(report, now)
    log.info("version %s: %s", version, report)
    return report


def _report(s: Settings, store: MonitoringStore, version: str, now: float) -> MonitoringReport | None:
    minutes = store.minute_errors(version, s.monitor_sessions)
    return monitoring_report(version, minutes, drift(s, store, version, now) if len(minutes.forecasts) else {})


def _alert(s: Settings, store: MonitoringStore, report: MonitoringReport | None, now: float) -> Alert | None:
    known = store.newest_alert()
    if known and known[1]:
        return known[0]
    limits = Limits(s.monitor_skill, s.monitor_coverage, s.monitor_drift)
    raised = alarm(report, limits) if report else None
    if report is None or raised is None:
        return None
    if known and not cooled(known[0].market_at, now, s.calendars.of(s.symbols[0]), s.monitor_sessions):
        log.warning("no alert so soon after the last one: %s", raised.reason)
        return None
    if opened := store.raise_alert(raised, report.model_version, now):
        alerted(s, opened)
    return opened


def cooled(last: float, now: float, calendar: Sessions, sessions: int) -> bool:
    """Say whether enough sessions have closed since the last alert, times of the Clock."""
    return calendar.upcoming(now) - calendar.upcoming(last) >= sessions


def _tell(s: Settings, alert: Alert) -> None:
    log.warning("alert: %s", alert.reason)
    publisher = Publisher.connect(s)
    publisher.alert(alert)
    if publisher.flush(30):
        raise BrokerUnavailable(f"Kafka at {s.kafka} did not accept the alert; the next evaluation publishes it again")


def _now(s: Settings, store: MonitoringStore) -> float:
    if not s.replayed:
        return open_clock(s).now()
    return (store.newest_bar(s.symbols) or 0.0) + MINUTE  # a replay's time is when its newest bar was known
