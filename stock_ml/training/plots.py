"""The pictures of a training run."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stock_ml.domain.calendar import Calendars

OTHERS = ("symbol", "bar_ts", "session", "last_close", "target", "volatility", "elapsed", "fold")


def recipes(predictions: pd.DataFrame) -> list[str]:
    """Return the names of the columns that hold forecasts, log returns."""
    return [str(name) for name in predictions.columns if name not in OTHERS]


def last_session(predictions: pd.DataFrame, calendars: Calendars) -> Figure:
    """Draw forecast against actual close on the newest session of the first symbol, in its exchange's time.

    Other symbols may have newer sessions: a symbol's bars of the newest one may not be clean.
    """
    symbol = str(predictions["symbol"].min())
    rows, zone = predictions[predictions["symbol"] == symbol], calendars.of(symbol).zone
    day = rows[rows["session"] == rows["session"].max()]
    time = pd.to_datetime(day["bar_ts"], unit="s", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    figure, plot = axes(f"{symbol}, {day['session'].iloc[0]}: forecast against actual close")
    plot.plot(time, day["last_close"] * np.exp(day["target"]), label="actual close", linewidth=1)
    for kind in recipes(predictions):
        plot.plot(time, day["last_close"] * np.exp(day[kind]), label=kind, linewidth=1)
    plot.set_xlabel(f"forecast made at, {zone}")
    plot.legend()
    return figure


def skill_by_fold(predictions: pd.DataFrame) -> Figure:
    """Draw each recipe's skill against persistence in each walk-forward fold, with the spread over its sessions."""
    figure, plot = axes("Skill against persistence by fold (above 0 is better; bars are standard errors)")
    starts = predictions.groupby("fold")["session"].min()
    for number, kind in enumerate(recipes(predictions)):
        error = (predictions[kind] - predictions["target"]).abs()
        of_sessions = 1 - _summed(error, predictions) / _summed(predictions["target"].abs(), predictions)
        mean, spread = of_sessions.groupby("fold").mean(), of_sessions.groupby("fold").sem().fillna(0.0)
        plot.errorbar(starts.index + 0.1 * number, mean, yerr=spread, fmt="o", capsize=4, label=kind)
    plot.set_xticks(starts.index, starts.tolist())
    plot.axhline(0, color="black", linewidth=0.8)
    plot.legend()
    return figure


def _summed(loss: pd.Series, predictions: pd.DataFrame) -> pd.Series:
    return loss.groupby([predictions["fold"], predictions["session"]]).sum()


def error_by_minute(predictions: pd.DataFrame, horizon: int) -> Figure:
    """Draw the mean absolute error in basis points over the session, for each recipe and persistence."""
    minute = (predictions["bar_ts"] - predictions.groupby("session")["bar_ts"].transform("min")) // 60
    figure, plot = axes(f"Mean absolute error {horizon} min ahead, by minute of the session")
    errors = {"persistence": predictions["target"]} | {
        kind: predictions[kind] - predictions["target"] for kind in recipes(predictions)
    }
    for name, error in errors.items():
        mean = error.abs().groupby(minute // 15 * 15).mean() * 1e4
        plot.step(mean.index, mean, where="post", label=name)
    plot.set_ylabel("basis points")
    plot.legend()
    return figure


def axes(title: str) -> tuple[Figure, Any]:
    """Return a picture with a title and a grid, and where to draw in it."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    plot = figure.subplots()
    plot.set_title(title)
    plot.grid(alpha=0.3)
    return figure, plot
