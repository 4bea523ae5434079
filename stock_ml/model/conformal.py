"""Intervals: how far a close may fall from its forecast, by split conformal prediction scaled with volatility.

Errors are divided by the window's volatility, their quantiles taken with the finite-sample rank ceil((n + 1) p)
(Lei et al. 2018, "Distribution-free predictive inference for regression"), and multiplied back at the forecast.

Live, they adapt: each outcome moves a symbol's interval of each level, wider by STEP p if it missed and narrower by
STEP (1 - p) if it held, so that in the long run a share p of the outcomes is covered whatever the market does (Gibbs
and Candès 2021, "Adaptive conformal inference under distribution shift"). What moves is the log of the width, as in
quantile tracking (Angelopoulos, Candès and Tibshirani 2023, "Conformal PID control for time series prediction"): one
number, the interval scale, that stays meaningful when another model, with other widths, takes over.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = (50, 90, 99)
STEP = 0.02  # a miss at 90 % widens by 1.8 %: after a shift, two hours close most of the gap
MAX_SCALE = 2.0  # log: at most 7.4 times as wide as calibrated, and at least a 7.4th
PARTS, PRIOR_ROWS = 13, 100  # of a New York session: half hours; rows
FLAT = (1.0,) * PARTS
FLOOR = 1e-5  # a tenth of a basis point a minute: a flat window must not promise an interval of no width

Floats = NDArray[np.float64]
IntervalScale = NDArray[np.float32]  # (3, n): the log of how much wider than calibrated, by level
_WIDER, _NARROWER = (np.array([[STEP * (p / 100 - held)] for p in LEVELS]) for held in (0, 1))


class Calibration(NamedTuple):
    """Hold the scaled error that each level covers, and how large errors are by the time of the session."""

    quantiles: dict[str, float]
    profile: tuple[float, ...]


def adapt(interval_scale: IntervalScale, covered: NDArray[np.bool_]) -> IntervalScale:
    """Return the interval scales after outcomes that were `covered` or not, both (3, n)."""
    moved = interval_scale + np.where(covered, _NARROWER, _WIDER)
    bounded: IntervalScale = np.minimum(np.maximum(moved, -MAX_SCALE), MAX_SCALE).astype(np.float32)
    return bounded


def bounds(
    last: Floats, predicted: Floats, centre: Floats, half: Floats, interval_scale: IntervalScale
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds as prices, (3, n) each: `centre` ± `half`, (3, n), scaled, as log returns.

    Where a bound is nearer than half a tick to the centre, the forecast itself, which stands on the grid, is the bound.
    """
    half_width = half * np.exp(interval_scale.astype(np.float64))
    return np.minimum(last * np.exp(centre - half_width), predicted), np.maximum(
        last * np.exp(centre + half_width), predicted
    )


def scale(volatility: Floats, elapsed: Floats, profile: Sequence[float]) -> Floats:
    """Return the size that errors are measured in, (n,), always positive: volatility by the time of the session.

    `elapsed` is the share of the session that has passed; `profile` is as from `profile`.
    """
    sized: Floats = np.sqrt(volatility * volatility + FLOOR * FLOOR) * np.asarray(profile)[session_part(elapsed)]
    return sized


def profile(errors: Floats, volatility: Floats, elapsed: Floats) -> tuple[float, ...]:
    """Return for each of PARTS equal parts of the session how large errors are there for their volatility, 1 as usual.

    The window lags behind: towards the close volatility rises, and at the open it still knows yesterday's. All (n,);
    parts with few rows are drawn towards 1.
    """
    scaled, part = np.abs(errors) / scale(volatility, elapsed, FLAT), session_part(elapsed)
    usual = float(np.mean(scaled)) or 1.0
    count, total = (np.bincount(part, weights, PARTS) for weights in (None, scaled / usual))
    return tuple(((total + PRIOR_ROWS) / (count + PRIOR_ROWS)).tolist())


def session_part(elapsed: Floats) -> NDArray[np.int64]:
    """Return which of the PARTS of the session a bar ends in, (n,); an end belongs to the part that it ends."""
    part = np.ceil(elapsed * PARTS - 1e-9).astype(np.int64) - 1
    return np.minimum(np.maximum(part, 0), PARTS - 1)  # for one row twice as fast as `clip`
