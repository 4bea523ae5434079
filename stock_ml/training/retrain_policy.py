"""Decide whether a run of `train_model` trains, or skips because the newest version covers its events already."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import rest
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.evaluation.folds import REGIME_SESSIONS
from stock_ml.evaluation.live_performance import Alert
from stock_ml.evaluation.regime_change import alert_session
from stock_ml.training.version_tags import REGIME_CHANGE, is_compatible

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewestVersion:
    """Hold the newest version, when it was registered (wall) and what it was trained until, in UTC epoch seconds.

    `held_out` sessions after that were there and kept out of the training. `regime_change_at` is the market's time of
    the newest regime change that it knew of.
    """

    version: str
    registered_at: float
    trained_until: float
    held_out: int
    regime_change_at: float | None = None

    def lacks_sessions(self, calendar: Sessions, known_at: float) -> bool:
        """Say whether it knew of a regime change, but lacks decisive sessions since.

        These are the one that gave the alert, for which an alert does not wait, and the one that makes them enough for
        a history of its own.
        """
        if self.regime_change_at is None:
            return False
        first = alert_session(calendar.opens, self.regime_change_at)
        known = calendar.ended(self.trained_until) + self.held_out - first
        available = calendar.ended(known_at) - first
        return any(known < enough <= available for enough in (1, REGIME_SESSIONS + self.held_out))


@dataclass(frozen=True)
class Trigger:
    """Hold what started a run of `train_model`: asset events, or a person.

    `alerts` are those among the events. `backfilled_at` is when a run of a backfill last announced
    its bars (wall, UTC epoch seconds), and `waiting` counts the backfill's runs of `ingest_bars` that have not begun.
    """

    alerts: Sequence[Alert] = ()
    by_person: bool = False
    backfilled_at: float | None = None
    waiting: int = 0

    @property
    def reason(self) -> str:
        """Return in words what started the run: an alert's own reason, clean bars, or else a person."""
        reasons = sorted({f"alert: {alert.reason}" for alert in self.alerts})
        return "; ".join(reasons) or ("a person triggered it" if self.by_person else "clean bars of newer sessions")

    @property
    def alert_at(self) -> int | None:
        """Return the market's time of the newest alert in UTC epoch seconds, None where there is none."""
        return max((int(alert.market_at) for alert in self.alerts), default=None)

    @property
    def requested_at(self) -> float | None:
        """Return when an alert, or a backfill, last asked for a training (wall), None where none did."""
        backfilled = [] if self.backfilled_at is None else [self.backfilled_at]
        return max([*(alert.raised_at for alert in self.alerts), *backfilled], default=None)


def skip_reason(s: Settings, trigger: Trigger) -> str | None:
    """Return why a run need not train, None where it must: a person's always trains.

    Raises RegistryUnavailable or StoreUnavailable.
    """
    for alert in trigger.alerts:
        log.warning("alert: %s", alert.reason)
    newest = None if trigger.by_person else _newest(s)
    if newest is None or not is_compatible(rest.tags(rest.champion(s)), s):
        return None
    if trigger.waiting and not trigger.alerts:
        return f"{trigger.waiting} runs of ingest_bars wait in a backfill: training follows the last ones"
    known_at = max((_known_at(Lake.connect(s), symbol) for symbol in s.symbols), default=0.0)
    return coverage_reason(newest, known_at, trigger.requested_at, s.calendars.of(s.symbols[0]), s.retrain_sessions)


def coverage_reason(
    newest: NewestVersion, known_at: float, requested_at: float | None, calendar: Sessions, sessions: int
) -> str | None:
    """Return why the newest version covers bars known at `known_at`, and what was asked for; None where it does not.

    An alert, or a backfill of months older than those trained on, is covered by a version registered after it. Clean
    bars are where fewer than `sessions` sessions closed since those that it was trained or evaluated on; one is enough
    where the version lacks sessions since a regime change.
    """
    sessions = 1 if newest.lacks_sessions(calendar, known_at) else sessions
    if requested_at is not None and requested_at > newest.registered_at:
        return None
    since = calendar.ended(known_at) - calendar.ended(newest.trained_until) - newest.held_out
    if since >= sessions:
        return None
    return (
        f"version {newest.version} is new enough: {max(since, 0)} sessions closed since those that it knew, training "
        f"waits for {sessions} (STOCKML_RETRAIN_SESSIONS); trigger train_model to train at once"
    )


def _newest(s: Settings) -> NewestVersion | None:
    found = rest.newest(s)
    tags = rest.tags(found)
    if found is None or "trained_until" not in tags:
        return None
    registered, held_out = found.creation_timestamp / 1000, int(tags.get("holdout_sessions", "0"))
    changed = float(tags[REGIME_CHANGE]) if REGIME_CHANGE in tags else None
    return NewestVersion(found.version, registered, float(tags["trained_until"]), held_out, changed)


def _known_at(lake: Lake, symbol: str) -> float:
    months = lake.clean_months(symbol)
    report = lake.read_quality(symbol, months[-1]) if months else None
    return float(report["known_at"]) if report else 0.0
