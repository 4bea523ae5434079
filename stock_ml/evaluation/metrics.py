"""Measure forecasts against the outcomes and against the last price, from sums that add up over any rows."""

from collections.abc import Mapping
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.domain.ticks import tick
from stock_ml.model.conformal import LEVELS, Calibration, scale

Floats = NDArray[np.float64]
LOSSES = (
    *("rows", "error", "move", "error_squared", "price", "price_squared", "unchanged"),
    *("called", "right", "earned", "after_spread", "last_price"),
)
INTERVALS = ("judged", *(f"{name}_{level}" for name in ("inside", "width") for level in LEVELS))


def losses(last_close: Floats, target: Floats, predicted: Floats) -> dict[str, Floats]:
    """Return what each row adds to the sums LOSSES that `metrics` are made of, (n,) each.

    `target` and `predicted` are log returns from `last_close`, (n,) all.
    """
    error, move = np.abs(predicted - target), np.abs(target)
    price = np.abs(last_close * np.exp(predicted) - last_close * np.exp(target))
    called, sign = (target != 0) & (predicted != 0), np.sign(predicted)
    earned = sign * target
    spread = np.where(predicted != 0, tick(last_close) / last_close, 0.0)
    found = (np.ones(len(target)), error, move, error * error, price, price * price, target == 0)
    traded = (called, called & (np.sign(target) == sign), earned, earned - spread, np.zeros(len(target)))
    return {name: column.astype(np.float64) for name, column in zip(LOSSES, (*found, *traded), strict=True)}


def metrics(sums: Mapping[str, float]) -> dict[str, float]:
    """Compare predicted with real log returns, by the sums LOSSES over some rows.

    mae and rmse are in price, mae_bp and rmse_bp in basis points of log return; skill = 1 - mae_bp / mae_bp of
    persistence. Of rows where the price moved and a move was forecast: direction is the share whose sign was right,
    direction_error its binomial error; unchanged is the share of rows without a move. sign_bp is what trading on the
    sign would have earned a row, sign_after_spread_bp what is left after one tick each way.
    """
    n = sums["rows"]
    found = {"rows": n, "mae": sums["price"] / n, "mae_bp": sums["error"] / n * 1e4}
    found |= {"rmse": sqrt(sums["price_squared"] / n), "rmse_bp": sqrt(sums["error_squared"] / n) * 1e4}
    found["skill"] = 1 - sums["error"] / sums["move"] if sums["move"] else 0.0
    found["unchanged"] = sums["unchanged"] / n
    traded = {"sign_bp": sums["earned"] / n * 1e4, "sign_after_spread_bp": sums["after_spread"] / n * 1e4}
    return found | _direction(sums["called"], sums["right"]) | traded


def _direction(called: float, right: float) -> dict[str, float]:
    if not called:
        return {}
    share = right / called
    return {"direction": share, "direction_error": sqrt(share * (1 - share) / called)}


def intervals(errors: Floats, half: Floats) -> dict[str, Floats]:
    """Return what each row adds to the sums INTERVALS that `interval_metrics` are made of, (n,) each.

    `errors` (n,) and half the widths (3, n) are log returns.
    """
    inside, width = (np.abs(errors) <= half).astype(np.float64), 2e4 * half
    return dict(zip(INTERVALS, (np.ones(len(errors)), *inside, *width), strict=True))


def interval_metrics(sums: Mapping[str, float]) -> dict[str, float]:
    """Return each level's coverage, and the mean width of its interval in basis points of log return.

    They come from the sums INTERVALS over some rows; where no row has an interval the answer is empty.
    """
    n = sums["judged"]
    if not n > 0:
        return {}
    coverage = {f"coverage_{level}": sums[f"inside_{level}"] / n for level in LEVELS}
    return coverage | {f"width_{level}_bp": sums[f"width_{level}"] / n for level in LEVELS}


def session_losses(sums: pd.DataFrame) -> pd.Series:
    """Return the loss of each session in basis points, averaged over its symbols: the unit of evidence.

    `sums` has a row for each session and symbol, and of LOSSES `error` and `rows`.
    """
    of_symbols = sums["error"] / sums["rows"] * 1e4
    mean: pd.Series = of_symbols.groupby(sums["session"]).mean()
    return mean


def half_widths(calibration: Calibration, volatility: Floats, elapsed: Floats) -> Floats:
    """Return half the width of each level's interval, (3, n)."""
    size = scale(volatility, elapsed, calibration.profile)
    return np.stack([calibration.quantiles[str(level)] * size for level in LEVELS])
