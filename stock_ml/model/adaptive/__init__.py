"""Adaptive conformal intervals: the scale of each symbol's intervals, updated by each outcome."""

from stock_ml.model.adaptive.state import AdaptiveIntervals, Closes, StoredForecasts
from stock_ml.model.adaptive.update import (
    NO_FORECASTS,
    CalibratedForecasts,
    PendingForecasts,
    apply_outcomes,
    replay_scales,
)

__all__ = [
    "NO_FORECASTS",
    "AdaptiveIntervals",
    "CalibratedForecasts",
    "Closes",
    "PendingForecasts",
    "StoredForecasts",
    "apply_outcomes",
    "replay_scales",
]
