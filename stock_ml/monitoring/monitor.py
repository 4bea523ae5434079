"""Look at the live forecasts, and ask for a training where they are no good any more."""

import logging
from typing import Any

from stock_ml.adapters.broker import Publisher
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.store import Watch
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BrokerUnavailable
from stock_ml.evaluation.live_performance import Alert, Limits, Look, alarm, look
from stock_ml.monitoring.live_drift import drift
from stock_ml.monitoring.notify import alerted

log = logging.getLogger(__name__)


def monitor(s: Settings) -> dict[str, Any]:
    """Judge the version that serves over its newest sessions, keep the look, and tell Kafka of an open alert.

    Return the look and the open alert. An alert is told again at each look until a training after it ended
    well; then none is raised until as many sessions have closed as are judged. Raises StoreUnavailable,
    RegistryUnavailable, SourceUnavailable or BrokerUnavailable.
    """
    watch = Watch.connect(s)
    try:
        newest = rest.newest(s)
        if newest and watch.act(int(newest["creation_timestamp"]) / 1000):
            log.info("the open alert is closed: version %s was registered after it", newest["version"])
        now = _now(s, watch)
        found = _look(s, watch, now)
        alert = _alert(s, watch, found, now)
    finally:
        watch.close()
    if alert:
        _tell(s, alert)
    return {"look": found and found._asdict(), "alert": alert and alert._asdict()}


def _look(s: Settings, watch: Watch, now: float) -> Look | None:
    version = watch.served()
    found = _report(s, watch, version, now) if version else None
    if found is None:
        log.info("no forecast has an outcome yet: there is nothing to judge")
        return None
    watch.keep(found, now)
    log.info("version %s: %s", version, found)
    return found


def _report(s: Settings, watch: Watch, version: str, now: float) -> Look | None:
    minutes = watch.minutes(version, s.monitor_sessions)
    return look(version, minutes, drift(s, watch, version, now) if len(minutes.forecasts) else {})


def _alert(s: Settings, watch: Watch, found: Look | None, now: float) -> Alert | None:
    known = watch.newest_alert()
    if known and known[1]:
        return known[0]
    limits = Limits(s.monitor_skill, s.monitor_coverage, s.monitor_drift)
    raised = alarm(found, limits) if found else None
    if found is None or raised is None:
        return None
    if known and not cooled(known[0].market_at, now, s.calendars.of(s.symbols[0]), s.monitor_sessions):
        log.warning("no alert so soon after the last one: %s", raised.reason)
        return None
    if opened := watch.raise_alert(raised, found.model_version, now):
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
        raise BrokerUnavailable(f"Kafka at {s.kafka} did not take the alert; the next look tells it again")


def _now(s: Settings, watch: Watch) -> float:
    if not s.replayed:
        return open_clock(s).now()
    return (watch.newest_bar(s.symbols) or 0.0) + MINUTE  # a replay's time is when its newest bar was known
