"""Measure forecasts against the outcomes and against the last price."""

from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.domain.ticks import tick
from stock_ml.model.conformal import LEVELS, Calibration, calibrate, scale

Floats = NDArray[np.float64]


def metrics(last_close: Floats, target: Floats, predicted: Floats) -> dict[str, float]:
    """Compare predicted with real log returns, all (n,) with n > 0.

    mae and rmse are in price, mae_bp and rmse_bp in basis points of log return; skill = 1 - mae_bp / mae_bp of
    persistence. Of rows where the price moved and a move was forecast: direction is the share whose sign was right,
    direction_error its binomial error; unchanged is the share of rows without a move. sign_bp is what trading on the
    sign would have earned a row, sign_after_spread_bp what is left after one tick each way.
    """
    error, move = np.abs(predicted - target), np.abs(target)
    price = np.abs(last_close * np.exp(predicted) - last_close * np.exp(target))
    measured = {"rows": float(len(target)), "mae": float(np.mean(price)), "mae_bp": float(np.mean(error)) * 1e4}
    measured |= {"rmse": _rms(price), "rmse_bp": _rms(error) * 1e4}
    measured["skill"] = 1 - float(np.sum(error) / np.sum(move)) if move.any() else 0.0
    measured["unchanged"] = float(np.mean(target == 0))
    return measured | _direction(target, predicted) | _traded(last_close, target, predicted)


def _direction(target: Floats, predicted: Floats) -> dict[str, float]:
    moved = (target != 0) & (predicted != 0)
    if not moved.any():
        return {}
    right = float(np.mean(np.sign(target[moved]) == np.sign(predicted[moved])))
    return {"direction": right, "direction_error": sqrt(right * (1 - right) / float(moved.sum()))}


def _traded(last_close: Floats, target: Floats, predicted: Floats) -> dict[str, float]:
    earned = np.sign(predicted) * target
    spread = np.where(predicted != 0, tick(last_close) / last_close, 0.0)
    return {"sign_bp": float(np.mean(earned)) * 1e4, "sign_after_spread_bp": float(np.mean(earned - spread)) * 1e4}


def _rms(error: Floats) -> float:
    return float(np.sqrt(np.mean(error * error)))


def session_losses(frame: pd.DataFrame, predicted: Floats) -> pd.Series:
    """Return the loss of each session in basis points, averaged over its symbols: the unit of evidence.

    `frame` has the columns symbol, session and target; `predicted` are log returns (n,).
    """
    error = (frame["target"] - predicted).abs() * 1e4
    of_symbols = error.groupby([frame["session"], frame["symbol"]]).mean()
    return of_symbols.groupby(level="session").mean()


def interval_metrics(errors: Floats, half: Floats) -> dict[str, float]:
    """Return each level's coverage, and the mean width of its interval in basis points of log return.

    `errors` (n,) and half the widths (3, n) are log returns; rows without an interval, NaN, are left out, and where no
    row has one the answer is empty.
    """
    known = np.isfinite(half[0])
    if not known.any():
        return {}
    covered, width = np.abs(errors[known]) <= half[:, known], 2e4 * half[:, known]
    coverage = {f"coverage_{level}": float(np.mean(row)) for level, row in zip(LEVELS, covered, strict=True)}
    return coverage | {f"width_{level}_bp": float(np.mean(row)) for level, row in zip(LEVELS, width, strict=True)}


def walk_forward_half_widths(errors: Floats, volatility: Floats, elapsed: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return half the width of each level's interval in walk-forward, (3, n), before it adapts to outcomes.

    Each fold's come from the folds before it, (n,) each; those of the first, which only calibrates, are NaN.
    """
    half = np.full((len(LEVELS), len(errors)), np.nan)
    for number in np.unique(fold)[1:]:
        before, now = fold < number, fold == number
        calibration = calibrate(errors[before], volatility[before], elapsed[before])
        half[:, now] = half_widths(calibration, volatility[now], elapsed[now])
    return half


def half_widths(calibration: Calibration, volatility: Floats, elapsed: Floats) -> Floats:
    """Return half the width of each level's interval, (3, n)."""
    size = scale(volatility, elapsed, calibration.profile)
    return np.stack([calibration.quantiles[str(level)] * size for level in LEVELS])
