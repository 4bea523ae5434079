"""Pictures of what is left to know of a fit: whether intervals hold, what moves forecasts, what errors still tell."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pyspark.ml import PipelineModel

from stock_ml.model.conformal import profile, scale
from stock_ml.training import spark_models
from stock_ml.training.plots import axes, recipes

SHARES, LAGS = np.arange(5, 100, 5) / 100, range(1, 16)


def calibration(predictions: pd.DataFrame) -> Figure:
    """Draw the share of closes inside intervals of each width: each fold's widths come from the folds before it."""
    figure, plot = axes("Calibration: share of closes in an interval against the share promised (on the line is right)")
    plot.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    for kind in recipes(predictions):
        plot.plot(
            SHARES,
            _covered(predictions, (predictions["target"] - predictions[kind]).to_numpy()),
            marker=".",
            label=kind,
        )
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
    figure, plot = axes("Autocorrelation of the errors within sessions (0 is nothing left)")
    ordered = predictions.sort_values(["symbol", "bar_ts"])
    for kind in recipes(predictions):
        plot.plot(LAGS, _autocorrelation(ordered, ordered["target"] - ordered[kind]), marker=".", label=kind)
    plot.axhline(0, color="black", linewidth=0.8)
    plot.set_xlabel("minutes apart")
    plot.legend()
    return figure


def _autocorrelation(ordered: pd.DataFrame, error: pd.Series) -> list[float]:
    of_sessions = error.groupby([ordered["symbol"], ordered["session"]])
    square = float((error * error).mean()) or 1.0
    return [float((error * of_sessions.shift(lag)).mean()) / square for lag in LAGS]


def effects(models: Mapping[str, PipelineModel], sample: pd.DataFrame, names: list[str]) -> Figure:
    """Draw what each feature does to the forecasts, from the deviations in a sample of feature rows.

    Of a linear kind: what one standard deviation of the feature adds, in basis points. Of trees, which have no such
    number: the feature's importance (MLlib's, its share of what all splits gained) times the largest of these.
    """
    figure, plot = axes("What one standard deviation of a feature adds to the forecast, basis points")
    deviations = sample[names].std().to_numpy()
    linear = {k: np.array(spark_models.parameters(m).coefficients) * deviations * 1e4 for k, m in models.items()}
    largest = max((float(np.abs(bars).max()) for bars in linear.values()), default=0.0) or 1.0
    width = 0.8 / max(len(models), 1)
    for number, (kind, model) in enumerate(models.items()):
        shares = spark_models.importances(model)
        bars, label = (linear[kind], kind) if shares is None else (shares * largest, f"{kind}: importance")
        plot.bar(np.arange(len(names)) + number * width, bars, width, label=label)
    plot.set_xticks(np.arange(len(names)) + 0.4 - width / 2, names, rotation=45, ha="right")
    plot.legend()
    return figure
