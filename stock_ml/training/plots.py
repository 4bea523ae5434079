"""The plots of a training run: forecasts, skill, errors, calibration, autocorrelation, effects."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stock_ml.config import Settings
from stock_ml.domain.calendar import Calendars
from stock_ml.evaluation.judging import COLUMNS, HELD_OUT
from stock_ml.evaluation.promotion import PERSISTENCE
from stock_ml.model.conformal import profile, scale
from stock_ml.training import spark_models
from stock_ml.training.walk_forward import WalkForwardResult

SHARES, LAGS = np.arange(5, 100, 5) / 100, range(1, 16)


def figures(s: Settings, losses: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Figure]:
    """Draw all plots by name: of the losses of all symbols, and of a sample of out-of-sample predictions."""
    return {
        "last_session": last_session(predictions, s.calendars),
        "skill_by_fold": skill_by_fold(losses),
        "error_by_minute": error_by_minute(predictions, s.horizon),
        "calibration": calibration(predictions),
        "autocorrelation": autocorrelation(predictions),
    }


def _recipes(predictions: pd.DataFrame) -> list[str]:
    """Return the names of the columns that hold forecasts, log returns."""
    return [str(name) for name in predictions.columns if name not in (*COLUMNS, "fold")]


def last_session(predictions: pd.DataFrame, calendars: Calendars) -> Figure:
    """Draw forecast against actual close on the newest session of the first symbol, in its exchange's time.

    Other symbols may have newer sessions: a symbol's bars of the newest one may not be clean.
    """
    symbol = str(predictions["symbol"].min())
    rows, zone = predictions[predictions["symbol"] == symbol], calendars.of(symbol).zone
    day = rows[rows["session"] == rows["session"].max()]
    time = pd.to_datetime(day["bar_ts"], unit="s", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    figure, plot = _axes(f"{symbol}, {day['session'].iloc[0]}: forecast against actual close")
    plot.plot(time, day["last_close"] * np.exp(day["target"]), label="actual close", linewidth=1)
    for kind in _recipes(predictions):
        plot.plot(time, day["last_close"] * np.exp(day[kind]), label=kind, linewidth=1)
    plot.set_xlabel(f"forecast made at, {zone}")
    plot.legend()
    return figure


def skill_by_fold(losses: pd.DataFrame) -> Figure:
    """Draw each recipe's skill against persistence in each walk-forward fold, with the spread over its sessions.

    `losses` are sums by `judging.KEYS`.
    """
    figure, plot = _axes("Skill against persistence by fold (above 0 is better; bars are standard errors)")
    judged = losses[losses["fold"] != HELD_OUT]
    starts = judged.groupby("fold")["session"].min()
    kinds = [kind for kind in judged["kind"].unique() if kind != PERSISTENCE]
    for number, kind in enumerate(kinds):
        sums = judged[judged["kind"] == kind].groupby(["fold", "session"])[["error", "move"]].sum()
        of_sessions = 1 - sums["error"] / sums["move"]
        mean, spread = of_sessions.groupby("fold").mean(), of_sessions.groupby("fold").sem().fillna(0.0)
        plot.errorbar(starts.index + 0.1 * number, mean, yerr=spread, fmt="o", capsize=4, label=kind)
    plot.set_xticks(starts.index, starts.tolist())
    plot.axhline(0, color="black", linewidth=0.8)
    plot.legend()
    return figure


def error_by_minute(predictions: pd.DataFrame, horizon: int) -> Figure:
    """Draw the mean absolute error in basis points over the session, for each recipe and persistence."""
    minute = (predictions["bar_ts"] - predictions.groupby("session")["bar_ts"].transform("min")) // 60
    figure, plot = _axes(f"Mean absolute error {horizon} min ahead, by minute of the session")
    target = predictions["target"]
    errors = {"persistence": target} | {kind: predictions[kind] - target for kind in _recipes(predictions)}
    for name, error in errors.items():
        mean = error.abs().groupby(minute // 15 * 15).mean() * 1e4
        plot.step(mean.index, mean, where="post", label=name)
    plot.set_ylabel("basis points")
    plot.legend()
    return figure


def calibration(predictions: pd.DataFrame) -> Figure:
    """Draw the share of closes inside intervals of each width: each fold's widths come from the folds before it."""
    figure, plot = _axes("Calibration: share of closes in an interval against the share promised (right on the line)")
    plot.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    for kind in _recipes(predictions):
        errors = (predictions["target"] - predictions[kind]).to_numpy()
        plot.plot(SHARES, _covered(predictions, errors), marker=".", label=kind)
    plot.set_xlabel("promised")
    plot.legend()
    return figure


def _covered(predictions: pd.DataFrame, errors: np.ndarray) -> np.ndarray:
    volatility, elapsed, fold = (predictions[name].to_numpy() for name in ("volatility", "elapsed", "fold"))
    inside, count = np.zeros(len(SHARES)), int((fold > 0).sum())
    for number in np.unique(fold)[1:]:
        before, now = fold < number, fold == number
        size = scale(volatility, elapsed, profile(errors[before], volatility[before], elapsed[before]))
        widths = np.quantile(np.abs(errors[before]) / size[before], SHARES)
        inside += np.searchsorted(np.sort(np.abs(errors[now]) / size[now]), widths, side="right")
    return inside / max(count, 1)


def autocorrelation(predictions: pd.DataFrame) -> Figure:
    """Draw how errors go with those minutes earlier, within sessions: away from 0 something is left to learn."""
    figure, plot = _axes("Autocorrelation of the errors within sessions (0 is nothing left)")
    ordered = predictions.sort_values(["symbol", "bar_ts"])
    for kind in _recipes(predictions):
        plot.plot(LAGS, _autocorrelation(ordered, ordered["target"] - ordered[kind]), marker=".", label=kind)
    plot.axhline(0, color="black", linewidth=0.8)
    plot.set_xlabel("minutes apart")
    plot.legend()
    return figure


def _autocorrelation(ordered: pd.DataFrame, error: pd.Series) -> list[float]:
    of_sessions = error.groupby([ordered["symbol"], ordered["session"]])
    square = float((error * error).mean()) or 1.0
    return [float((error * of_sessions.shift(lag)).mean()) / square for lag in LAGS]


def effects(result: WalkForwardResult, sample: pd.DataFrame, names: list[str]) -> Figure:
    """Draw what each feature does to the forecasts, from the deviations in a sample of feature rows.

    Of a linear kind: what one standard deviation of the feature adds, in basis points. Of trees, which have no such
    number: the feature's importance (MLlib's, its share of what all splits gained) times the largest of these.
    """
    figure, plot = _axes("What one standard deviation of a feature adds to the forecast, basis points")
    deviations = sample[names].std().to_numpy()
    linear = {kind: np.array(fit.coefficients) * deviations * 1e4 for kind, fit in result.fits.items()}
    largest = max((float(np.abs(bars).max()) for bars in linear.values()), default=0.0) or 1.0
    width = 0.8 / max(len(linear), 1)
    shares = {kind: spark_models.importances(pipeline) for kind, pipeline in result.pipelines.items()}
    for number, (kind, of_features) in enumerate(linear.items()):
        share = shares.get(kind)
        bars, label = (of_features, kind) if share is None else (share * largest, f"{kind}: importance")
        plot.bar(np.arange(len(names)) + number * width, bars, width, label=label)
    plot.set_xticks(np.arange(len(names)) + 0.4 - width / 2, names, rotation=45, ha="right")
    plot.legend()
    return figure


def _axes(title: str) -> tuple[Figure, Any]:
    """Return a picture with a title and a grid, and where to draw in it."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    plot = figure.subplots()
    plot.set_title(title)
    plot.grid(alpha=0.3)
    return figure, plot
