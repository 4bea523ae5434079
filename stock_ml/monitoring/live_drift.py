"""Measure how far live features have drifted from those that the serving version was trained on."""

import logging

import numpy as np
import pandas as pd

from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.evaluation.reference_profile import Drift, ReferenceProfile, Session
from stock_ml.model import features

log = logging.getLogger(__name__)
ARTIFACT = "population.json"  # the artifact of a training's run


def drift(s: Settings, store: MonitoringStore, version: str, now: float) -> dict[str, Drift]:
    """Return each feature's drift over the newest whole sessions after a version's training, nothing where none is.

    `now` is a time of the Clock. Raises StoreUnavailable, RegistryUnavailable or ModelError.
    """
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    found = rest.version(s, version)
    text = rest.artifact(s, found.run_id, ARTIFACT) if found and found.run_id else None
    profile = ReferenceProfile.from_json(text) if text else None
    if profile is None or profile.schema != schema["hash"]:
        log.info("version %s has no reference profile of this feature schema: no drift is reported", version)
        return {}
    numbers = live_sessions(profile, s.calendars.of(s.symbols[0]), now, s.monitor_sessions)
    return profile.drift([part for part in _sessions(s, store, profile, numbers) if part.is_complete(profile.density)])


def live_sessions(profile: ReferenceProfile, calendar: Sessions, now: float, most: int) -> range:
    """Return the numbers of the sessions that are live evidence: closed by `now`, and begun after the training."""
    last = calendar.ended(now)
    first = int(np.searchsorted(calendar.opens, profile.trained_until))
    return range(max(first, last - min(most, profile.longest)), last)


def _sessions(s: Settings, store: MonitoringStore, profile: ReferenceProfile, numbers: range) -> list[Session]:
    if not numbers:
        return []
    found = pd.concat([_rows(s, store, symbol, numbers) for symbol in profile.symbols])
    calendar, names = s.calendars.of(s.symbols[0]), list(features.FEATURES)
    parts = {date: part[names].to_numpy(np.float64) for date, part in found.groupby("session")}
    nothing, possible = np.empty((0, len(names))), calendar.lengths * len(profile.symbols)
    return [Session(parts.get(str(calendar.dates[i]), nothing), int(possible[i])) for i in numbers]


def _rows(s: Settings, store: MonitoringStore, symbol: str, numbers: range) -> pd.DataFrame:
    """Return a symbol's rows with a target, as training has them; the session before fills the first windows."""
    calendar = s.calendars.of(s.symbols[0])
    span = int(calendar.opens[numbers[0] - 1]), int(calendar.closes[numbers[-1]])
    bars, closes = store.bars(symbol, *span), store.official_closes(symbol, *span)
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    table = features.table(bars, s.calendars.of(symbol), schema, s.feed_gap_minutes, closes)
    return table[table["target"].notna()]
