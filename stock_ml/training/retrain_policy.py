"""Whether a run of `train_model` has anything to train for, or a newer training covers its events already."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stock_ml import evaluation
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import rest
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.training.version_tags import fits

log = logging.getLogger(__name__)
CHANGED = "changed_at"  # the tag that training/promotion_guard.py gives; that file imports MLflow, which takes seconds


@dataclass(frozen=True)
class Newest:
    """Hold the newest version, when it was registered (wall) and what it was trained until, in UTC epoch seconds.

    `held_out` sessions after that were there and kept out of the training. `changed_at` is the market's time of the
    newest alarm that it knew of.
    """

    version: str
    registered_at: float
    trained_until: float
    held_out: int
    changed_at: float | None = None

    def lacks_sessions(self, calendar: Sessions, known_at: float) -> bool:
        """Say whether it knew of an alarm, but not of sessions since that are there at `known_at`, and change much.

        These are the one that gave it, for which an alert does not wait, and the one that makes them enough for a
        history of its own.
        """
        if self.changed_at is None:
            return False
        begun = evaluation.alarmed(calendar.opens, self.changed_at)
        knew = calendar.upcoming(self.trained_until) + self.held_out - begun
        there = calendar.upcoming(known_at) - begun
        return any(knew < enough <= there for enough in (1, evaluation.ENOUGH + self.held_out))


def why(alerts: Sequence[Mapping[str, Any]], events: bool) -> str:
    """Return in words what started a training: an alert's own reason, clean bars, or else a person."""
    told = sorted({f"alert: {alert['reason']}" for alert in alerts})
    return "; ".join(told) or ("clean bars of newer sessions" if events else "a person triggered it")


def covered(
    s: Settings, alerts: Sequence[Mapping[str, Any]] = (), backfilled_at: float | None = None, waiting: int = 0
) -> str | None:
    """Return why a run that events started need not train, None where it must.

    `alerts` are those among the events, as Kafka has them, `backfilled_at` is when a backfill's run announced its bars
    (wall), and `waiting` counts the backfill's runs of `ingest_bars` that have not begun.
    Raises RegistryUnavailable or StoreUnavailable.
    """
    for alert in alerts:
        log.warning("alert: %s", alert["reason"])
    asked = [*(float(alert["raised_at"]) for alert in alerts), *([backfilled_at] if backfilled_at else [])]
    newest = _newest(s)
    if newest is None or not fits(rest.tags(rest.champion(s)), s):
        return None
    if waiting and not alerts:
        return f"{waiting} runs of ingest_bars wait in a backfill: training follows the last ones"
    known_at = max((_known_at(Lake.connect(s), symbol) for symbol in s.symbols), default=0.0)
    return reason(newest, known_at, max(asked, default=None), s.calendars.of(s.symbols[0]), s.retrain_sessions)


def changed_at(alerts: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the market's time of the newest alert among a run's events, in UTC epoch seconds, None where none is."""
    return max((int(alert["market_at"]) for alert in alerts), default=None)


def reason(newest: Newest, known_at: float, asked_at: float | None, calendar: Sessions, sessions: int) -> str | None:
    """Return why the newest version covers bars known at `known_at`, and what was asked for; None where it does not.

    An alert, or a backfill of months older than those trained on, is covered by a version registered after it. Clean
    bars are where fewer than `sessions` sessions closed since those that it was trained or judged on; one is enough
    where the version lacks sessions since an alarm.
    """
    sessions = 1 if newest.lacks_sessions(calendar, known_at) else sessions
    if asked_at is not None and asked_at > newest.registered_at:
        return None
    since = calendar.upcoming(known_at) - calendar.upcoming(newest.trained_until) - newest.held_out
    if since >= sessions:
        return None
    return (
        f"version {newest.version} is new enough: {max(since, 0)} sessions closed since those that it knew, training "
        f"waits for {sessions} (STOCKML_RETRAIN_SESSIONS); trigger train_model to train at once"
    )


def _newest(s: Settings) -> Newest | None:
    found = rest.newest(s)
    tags: Mapping[str, Any] = rest.tags(found)
    if "trained_until" not in tags:
        return None
    registered, held_out = int(found["creation_timestamp"]) / 1000, int(tags.get("holdout_sessions", "0"))
    changed = float(tags[CHANGED]) if CHANGED in tags else None
    return Newest(str(found["version"]), registered, float(tags["trained_until"]), held_out, changed)


def _known_at(lake: Lake, symbol: str) -> float:
    months = lake.clean_months(symbol)
    report = lake.read_quality(symbol, months[-1]) if months else None
    return float(report["known_at"]) if report else 0.0
