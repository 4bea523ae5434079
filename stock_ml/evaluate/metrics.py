"""Measure forecasts against what came, and against the last price."""

from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.intervals import calibrate, coverage, scale
from stock_ml.ticks import tick

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
    found = {"rows": float(len(target)), "mae": float(np.mean(price)), "mae_bp": float(np.mean(error)) * 1e4}
    found |= {"rmse": _rms(price), "rmse_bp": _rms(error) * 1e4}
    found["skill"] = 1 - float(np.sum(error) / np.sum(move)) if move.any() else 0.0
    found["unchanged"] = float(np.mean(target == 0))
    return found | _direction(target, predicted) | _traded(last_close, target, predicted)


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


def walked_coverage(errors: Floats, volatility: Floats, elapsed: Floats, fold: NDArray[np.int64]) -> dict[str, float]:
    """Return the intervals' coverage in walk-forward: each fold's widths come from the folds before it, (n,) each.

    The first fold only calibrates; with one fold there is nothing to tell, and the answer is empty.
    """
    told: dict[str, list[float]] = {}
    for number in np.unique(fold)[1:]:
        before, now = fold < number, fold == number
        made_of = calibrate(errors[before], volatility[before], elapsed[before])
        size = scale(volatility[now], elapsed[now], made_of.profile)
        for level, share in coverage(errors[now], size, made_of.quantiles).items():
            told.setdefault(f"coverage_{level}", []).append(share * float(np.sum(now)))
    judged = float(np.sum(fold > fold.min())) if len(fold) else 0.0
    return {name: sum(shares) / judged for name, shares in told.items()}
