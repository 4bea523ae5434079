"""Turn completed windows into forecasts. Nothing is read or written here."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from serving.rules import Rules
from stock_ml.adapters.forecast_store import FORECASTS, NUMBERS
from stock_ml.bars import MINUTE
from stock_ml.features import FEATURES, Floats, kernel
from stock_ml.scorer import Scorer, prices
from stock_ml.sessions import Sessions

CHUNK = 2_000  # windows at a time: what the kernel works on stays in the processor's cache


class Serving(NamedTuple):
    """Hold the model that serves, and the version and run that it is."""

    version: str
    run_id: str
    scorer: Scorer


class Models(NamedTuple):
    """Hold who forecasts: the champion, whose word counts, and a challenger in its shadow."""

    champion: Serving | None = None
    challenger: Serving | None = None


@dataclass(frozen=True, eq=False)
class Ready:
    """Hold completed windows: the symbol's `slot`, the last bar's `ts` and `close`, when it was `known`, features."""

    slot: np.ndarray
    ts: np.ndarray
    close: np.ndarray
    known: np.ndarray
    features: Floats


def features(windows: Floats) -> Floats:
    """Return the features of windows (n, W, C), some at a time."""
    with np.errstate(all="ignore"):  # absurd prices in a window may overflow
        parts = [kernel(windows[start : start + CHUNK]) for start in range(0, len(windows), CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, len(FEATURES)))


def forecasts(ready: Ready, serving: Serving | None, sessions: Sessions, rules: Rules) -> np.ndarray:
    """Return a table of FORECASTS for the windows whose target is in the session; made when the last bar was known."""
    if serving is None:
        return np.zeros(0, FORECASTS)
    number = sessions.number(ready.ts)
    target = ready.ts + rules.horizon * MINUTE
    values = _values(ready, serving.scorer)
    # absurd prices in a window may overflow; then nothing can be said
    kept = (target < sessions.closes[number]) & np.isfinite(values).all(axis=1)
    table = np.zeros(int(kept.sum()), FORECASTS)
    table["symbol"] = rules.symbol_table[ready.slot[kept]]
    table["bar_ts"], table["target_ts"], table["horizon"] = ready.ts[kept], target[kept], rules.horizon
    table["session"] = sessions.dates[number[kept]]
    for name, column in zip(NUMBERS, values[kept].T, strict=True):
        table[name] = column
    table["model_version"], table["trained_until"] = serving.version, serving.scorer.trained_until
    return stamped(table, ready.known[kept])


def stamped(table: np.ndarray, made_at: np.ndarray | float) -> np.ndarray:
    """Return forecasts as made at a time in UTC epoch seconds: late ones are those whose target was known by then.

    None is made before its bar is known, though a clock that was set back may say so.
    """
    told = table.copy()
    told["made_at"] = np.maximum(made_at, told["bar_ts"] + MINUTE)
    told["late"] = told["made_at"] >= told["target_ts"] + MINUTE
    return told


def _values(ready: Ready, scorer: Scorer) -> Floats:
    """Return last close, predicted close and its bounds, (n, 8)."""
    with np.errstate(all="ignore"):
        forecast = prices(ready.close, scorer.predict(ready.features))
    return np.column_stack([ready.close, *vars(forecast).values()])
