"""Turn completed windows into forecasts. Nothing is read or written here."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from serving.stream_config import Rules
from stock_ml.adapters.postgres.store import FORECASTS, NUMBERS, STRETCHES
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.model.adaptive import NOTHING, Adaptation, Closes, Made
from stock_ml.model.conformal import WIDEST
from stock_ml.model.features import FEATURES, Floats, kernel
from stock_ml.model.scorer import Prediction, Scorer, nearest, prices

LARGEST = 700.0  # the log of a price that a float64 holds
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


class When(NamedTuple):
    """Hold the sessions that windows lie in, and the rules of the installation."""

    sessions: Sessions
    rules: Rules

    def target(self, ready: Ready) -> np.ndarray:
        """Return the minutes that are forecast, UTC epoch seconds, (n,)."""
        return ready.ts + self.rules.horizon * MINUTE


class Drawn(NamedTuple):
    """Hold what a model says of windows, before its intervals are stretched, and which windows are `kept`."""

    serving: Serving
    said: Prediction
    kept: np.ndarray


def features(windows: Floats) -> Floats:
    """Return the features of windows (n, W, C), some at a time."""
    with np.errstate(all="ignore"):  # absurd prices in a window may overflow
        parts = [kernel(windows[start : start + CHUNK]) for start in range(0, len(windows), CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, len(FEATURES)))


def forecasts(ready: Ready, models: Models, when: When, known: Closes, adaptation: Adaptation) -> list[np.ndarray]:
    """Return tables of FORECASTS, the champion's and the challenger's, for windows whose target is in the session.

    The intervals of both are stretched as the champion's outcomes ask: `known` are the closes that came, up to the
    newest window's. A forecast is made when the last bar of its window was known.
    """
    served, apart = (_drawn(ready, model, when) for model in models)
    stretch = _stretched(ready, served, when, known, adaptation)
    return [_table(ready, one, when, stretch) for one in (served, apart)]


def stamped(table: np.ndarray, made_at: np.ndarray | float) -> np.ndarray:
    """Return forecasts as made at a time in UTC epoch seconds: late ones are those whose target was known by then.

    None is made before its bar is known, though a clock that was set back may say so.
    """
    told = table.copy()
    told["made_at"] = np.maximum(made_at, told["bar_ts"] + MINUTE)
    told["late"] = told["made_at"] >= told["target_ts"] + MINUTE
    return told


def _drawn(ready: Ready, serving: Serving | None, when: When) -> Drawn | None:
    """Return what a model says of the windows, and of which it can say anything; None without a model."""
    if serving is None:
        return None
    with np.errstate(all="ignore"):
        said = serving.scorer.predict(ready.features, when.rules.name_table[ready.slot])
        # absurd prices in a window may overflow; then nothing can be said
        highest = np.log(ready.close) + said.log_return + said.half[-1] * np.exp(WIDEST)
    inside = when.target(ready) < when.sessions.closes[when.sessions.number(ready.ts)]
    return Drawn(serving, said, np.flatnonzero(inside & np.isfinite(said.log_return) & (highest < LARGEST)))


def _stretched(ready: Ready, served: Drawn | None, when: When, known: Closes, adaptation: Adaptation) -> np.ndarray:
    """Return the stretches at each window, (3, n); a late bar's forecast moves none, and is stretched as the newest."""
    if served is None:
        adaptation.take(NOTHING, known)
        return adaptation.stretch[:, ready.slot]
    in_time = served.kept[ready.known[served.kept] == ready.ts[served.kept] + MINUTE]
    taken = adaptation.take(_made(ready, served.said, in_time, when), known)
    stretch = adaptation.stretch[:, ready.slot]
    stretch[:, in_time] = taken
    return stretch


def _made(ready: Ready, said: Prediction, at: np.ndarray, when: When) -> Made:
    close, centre = ready.close[at], said.log_return[at]
    predicted = nearest(close, centre)
    return Made(ready.slot[at], ready.ts[at], when.target(ready)[at], close, predicted, centre, said.half[:, at])


def _table(ready: Ready, drawn: Drawn | None, when: When, stretch: np.ndarray) -> np.ndarray:
    if drawn is None:
        return np.zeros(0, FORECASTS)
    kept = drawn.kept
    told = prices(ready.close[kept], drawn.said.of(kept), stretch[:, kept])
    table = np.zeros(len(kept), FORECASTS)
    table["symbol"] = when.rules.symbol_table[ready.slot[kept]]
    table["bar_ts"], table["target_ts"], table["horizon"] = ready.ts[kept], when.target(ready)[kept], when.rules.horizon
    table["session"] = when.sessions.dates[when.sessions.number(ready.ts[kept])]
    columns = (ready.close[kept], *vars(told).values(), *stretch[:, kept])
    for name, column in zip((*NUMBERS, *STRETCHES), columns, strict=True):
        table[name] = column
    table["model_version"], table["trained_until"] = drawn.serving.version, drawn.serving.scorer.trained_until
    return stamped(table, ready.known[kept])
