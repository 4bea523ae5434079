"""Adapt intervals to what came: of each symbol, how much wider or narrower than calibrated its intervals are by now."""

from stock_ml.adaptation.fold import NOTHING, Awaited, Made, fold, replayed
from stock_ml.adaptation.state import Adaptation, Closes, Pending

__all__ = ["NOTHING", "Adaptation", "Awaited", "Closes", "Made", "Pending", "fold", "replayed"]
