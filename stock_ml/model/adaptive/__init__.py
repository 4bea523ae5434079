"""Adapt intervals to what came: of each symbol, how much wider or narrower than calibrated its intervals are by now."""

from stock_ml.model.adaptive.state import Adaptation, Closes, Pending
from stock_ml.model.adaptive.update import NOTHING, Awaited, Made, fold, replayed

__all__ = ["NOTHING", "Adaptation", "Awaited", "Closes", "Made", "Pending", "fold", "replayed"]
