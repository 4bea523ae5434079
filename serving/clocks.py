"""Which clock says what "now" is."""

from stock_ml.adapters.market_clock import MarketClock
from stock_ml.clock import Clock, EventClock, WallClock
from stock_ml.config import Settings


def open_clock(s: Settings) -> Clock:
    """Return the sandbox's clock, the replay's own for a file, the wall for a real source."""
    match s.source:
        case "sandbox":
            return MarketClock.connect(s)
        case "csv":
            return EventClock()
        case "alpha_vantage":
            return WallClock()
