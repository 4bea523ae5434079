"""Turn complete windows into forecasts. Nothing is read or written here."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from serving.consumer.feed_delay import FeedDelay
from serving.consumer.in_order import Update, Windows
from serving.stream_config import StreamConfig
from stock_ml.adapters.postgres.store import FORECASTS, Forecasts, table
from stock_ml.domain.bars import MINUTE
from stock_ml.model.adaptive import NO_FORECASTS, AdaptiveIntervals, CalibratedForecasts, Closes
from stock_ml.model.conformal import LEVELS, MAX_SCALE
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
    """Hold the models that forecast: the champion, whose forecasts are shown, and the challenger, whose are not."""

    champion: Serving | None = None
    challenger: Serving | None = None


class _Output(NamedTuple):
    """Hold what a model predicts for windows, before its intervals are scaled, and the `usable` windows."""

    serving: Serving
    prediction: Prediction
    usable: np.ndarray


def forecast(
    updates: Sequence[Update], models: Models, intervals: AdaptiveIntervals, config: StreamConfig
) -> Forecasts:
    """Return the champion's and the challenger's forecasts of all windows whose target is in the trading period.

    Outcomes that became known move the champion's intervals, and the challenger's are scaled as much. Without a
    model nothing is forecast. A forecast is stamped with the time at which its window was known.
    """
    parts = [_forecast(update, models, intervals, config) for update in updates]
    return Forecasts(*(np.concatenate(tables) for tables in zip(Forecasts(), *parts, strict=True)))


def stamp(forecasts: Forecasts, made_at: float, feed_delay: FeedDelay) -> Forecasts:
    """Return forecasts as made at a time in UTC epoch seconds: late ones are those whose target was known by then.

    A delayed feed shows a target that much later. A target that came before its forecast's bar was known in any case.
    No forecast is stamped before its bar is known, even if the clock was set back.
    """
    return Forecasts(*(_stamped(rows, made_at, feed_delay.of(rows["symbol"])) for rows in forecasts))


def features(windows: Sequence[Floats]) -> Floats:
    """Return the features, (n, k), of windows (n, W, C), some at a time."""
    with np.errstate(all="ignore"):  # absurd prices in a window may overflow
        parts = [kernel(part[start : start + CHUNK]) for part in windows for start in range(0, len(part), CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, len(FEATURES)))


def _forecast(update: Update, models: Models, intervals: AdaptiveIntervals, config: StreamConfig) -> Forecasts:
    windows, closes = update.windows, _closes(update)
    if not any(models):
        intervals.process(NO_FORECASTS, closes)
        return Forecasts()
    target, known = windows.ts + config.horizon * MINUTE, features(windows.values)
    champion, challenger = (_predict(windows, known, target, model, config) for model in models)
    interval_scale = _interval_scale(windows, champion, target, closes, intervals)
    return Forecasts(*(_rows(windows, one, target, interval_scale, config) for one in (champion, challenger)))


def _closes(update: Update) -> Closes:
    usable = np.flatnonzero(~(update.outlier | update.correction))  # a scale moves once, by what was shown first
    order = usable[np.lexsort((update.minutes.ts[usable], update.slot[usable]))]
    return Closes(update.slot[order], update.minutes.ts[order], update.minutes.close[order])


def _predict(
    windows: Windows, known: Floats, target: np.ndarray, serving: Serving | None, config: StreamConfig
) -> _Output | None:
    """Return what a model predicts for the windows, and which predictions are usable; None without a model."""
    if serving is None:
        return None
    with np.errstate(all="ignore"):
        prediction = serving.scorer.predict(known, config.name_table[windows.slot])
        # prices that pass the gate may still move so far that the forecast overflows; then there is none
        highest = np.log(windows.close) + prediction.log_return + prediction.half[-1] * np.exp(MAX_SCALE)
    usable = (target < windows.period_close) & np.isfinite(prediction.log_return) & (highest < LARGEST)
    return _Output(serving, prediction, np.flatnonzero(usable))


def _interval_scale(
    windows: Windows, champion: _Output | None, target: np.ndarray, closes: Closes, intervals: AdaptiveIntervals
) -> np.ndarray:
    """Return the scales at each window, (3, n); a late bar's forecast moves none, and is scaled as the newest."""
    if champion is None:
        intervals.process(NO_FORECASTS, closes)
        return intervals.interval_scale[:, windows.slot]
    in_time = champion.usable[windows.known[champion.usable] == windows.ts[champion.usable] + MINUTE]
    own = intervals.process(_calibrated_forecasts(windows, champion.prediction, in_time, target), closes)
    interval_scale = intervals.interval_scale[:, windows.slot]
    interval_scale[:, in_time] = own
    return interval_scale


def _calibrated_forecasts(
    windows: Windows, prediction: Prediction, at: np.ndarray, target: np.ndarray
) -> CalibratedForecasts:
    close, centre = windows.close[at], prediction.log_return[at]
    return CalibratedForecasts(
        slot=windows.slot[at],
        ts=windows.ts[at],
        target=target[at],
        last=close,
        predicted=nearest(close, prediction.of(at)),
        centre=centre,
        half=prediction.half[:, at],
    )


def _rows(
    windows: Windows, output: _Output | None, target: np.ndarray, interval_scale: np.ndarray, config: StreamConfig
) -> np.ndarray:
    if output is None:
        return np.zeros(0, FORECASTS)
    at, serving = output.usable, output.serving
    interval_scale = interval_scale[:, at]
    rows = table(
        FORECASTS,
        len(at),
        symbol=config.symbol_table[windows.slot[at]],
        bar_ts=windows.ts[at],
        horizon=config.horizon,
        target_ts=target[at],
        session=windows.session[at],
        last_close=windows.close[at],
        model_version=serving.version,
        trained_until=serving.scorer.trained_until,
        **vars(prices(windows.close[at], output.prediction.of(at), interval_scale)),
        **{f"stretch_{level}": row for level, row in zip(LEVELS, interval_scale, strict=True)},
    )
    return _stamped(rows, windows.known[at])


def _stamped(rows: np.ndarray, made_at: np.ndarray | float, delay: np.ndarray | int = 0) -> np.ndarray:
    rows = rows.copy()
    rows["made_at"] = np.maximum(made_at, rows["bar_ts"] + MINUTE)
    rows["late"] |= rows["made_at"] >= rows["target_ts"] + MINUTE + delay
    return rows
