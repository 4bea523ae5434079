"""How far the features of the newest sessions are from those that the serving version was trained on."""

import logging

import numpy as np
import pandas as pd

from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.evaluation.reference_profile import Drift, Population, Session
from stock_ml.model import features

log = logging.getLogger(__name__)
KEPT = "population.json"  # the artifact of a training's run


def drift(s: Settings, store: MonitoringStore, version: str, now: float) -> dict[str, Drift]:
    """Return each feature's drift over the newest whole sessions after a version's training, nothing where none is.

    `now` is a time of the Clock. Raises StoreUnavailable, RegistryUnavailable or ModelError.
    """
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    found = rest.version(s, version)
    text = rest.artifact(s, found.run_id, KEPT) if found and found.run_id else None
    trained = Population.from_json(text) if text else None
    if trained is None or trained.schema != schema["hash"]:
        log.info("version %s has not told what it was trained on: nothing is said of drift", version)
        return {}
    numbers = since(trained, s.calendars.of(s.symbols[0]), now, s.monitor_sessions)
    return trained.drift([part for part in _sessions(s, store, trained, numbers) if trained.whole(part)])


def since(trained: Population, calendar: Sessions, now: float, most: int) -> range:
    """Return the numbers of the sessions that are live evidence: closed by `now`, and begun after the training."""
    last = calendar.upcoming(now)
    begun = int(np.searchsorted(calendar.opens, trained.trained_until))
    return range(max(begun, last - min(most, trained.longest)), last)


def _sessions(s: Settings, store: MonitoringStore, trained: Population, numbers: range) -> list[Session]:
    if not numbers:
        return []
    found = pd.concat([_rows(s, store, symbol, numbers) for symbol in trained.symbols])
    calendar, names = s.calendars.of(s.symbols[0]), list(features.FEATURES)
    parts = {date: part[names].to_numpy(np.float64) for date, part in found.groupby("session")}
    nothing, possible = np.empty((0, len(names))), (calendar.closes - calendar.opens) // MINUTE * len(trained.symbols)
    return [Session(parts.get(str(calendar.dates[i]), nothing), int(possible[i])) for i in numbers]


def _rows(s: Settings, store: MonitoringStore, symbol: str, numbers: range) -> pd.DataFrame:
    """Return a symbol's rows with a target, as training has them; the session before fills the first windows."""
    calendar = s.calendars.of(s.symbols[0])
    bars = store.bars(symbol, int(calendar.opens[numbers[0] - 1]), int(calendar.closes[numbers[-1]]))
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    table = features.table(bars, s.calendars.of(symbol), schema, s.feed_gap_minutes)
    return table[table["target"].notna()]
