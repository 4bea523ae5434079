"""The pictures of a training run."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stock_ml.train import PREDICTED


def last_session(walked: pd.DataFrame, zone: str) -> Figure:
    """Draw forecast against actual close on the newest judged session of the first symbol; time in `zone`."""
    day = walked[(walked["session"] == walked["session"].max()) & (walked["symbol"] == walked["symbol"].min())]
    time = pd.to_datetime(day["bar_ts"], unit="s", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    figure, axes = _axes(f"{day['symbol'].iloc[0]}, {day['session'].iloc[0]}: forecast against actual close")
    axes.plot(time, day["last_close"] * np.exp(day["target"]), label="actual close", linewidth=1)
    axes.plot(time, day["last_close"] * np.exp(day[PREDICTED]), label="linear", linewidth=1)
    axes.set_xlabel(f"forecast made at, {zone}")
    axes.legend()
    return figure


def skill_by_fold(walked: pd.DataFrame) -> Figure:
    """Draw the linear model's skill against persistence in each walk-forward fold."""
    error = (walked[PREDICTED] - walked["target"]).abs().groupby(walked["fold"]).sum()
    skill = 1 - error / walked["target"].abs().groupby(walked["fold"]).sum()
    figure, axes = _axes("Skill against persistence by fold (above 0 is better)")
    axes.bar(skill.index, skill)
    axes.set_xticks(skill.index, walked.groupby("fold")["session"].min().tolist())
    axes.axhline(0, color="black", linewidth=0.8)
    return figure


def error_by_minute(walked: pd.DataFrame, horizon: int) -> Figure:
    """Draw the mean absolute error in basis points over the session, for the linear model and persistence."""
    minute = (walked["bar_ts"] - walked.groupby("session")["bar_ts"].transform("min")) // 60
    figure, axes = _axes(f"Mean absolute error {horizon} min ahead, by minute of the session")
    for name, error in (("persistence", walked["target"]), ("linear", walked[PREDICTED] - walked["target"])):
        mean = error.abs().groupby(minute // 15 * 15).mean() * 1e4
        axes.step(mean.index, mean, where="post", label=name)
    axes.set_ylabel("basis points")
    axes.legend()
    return figure


def _axes(title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure, axes
