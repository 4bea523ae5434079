"""Which clock says what "now" is."""

from stock_ml.adapters.market_clock import MarketClock
from stock_ml.config import Settings
from stock_ml.domain.clock import Clock, EventClock, WallClock


def open_clock(s: Settings) -> Clock:
    """Return the sandbox's clock, the replay's own for a file, the wall for a real source."""
    match s.source:
        case "sandbox":
            return MarketClock.connect(s)
        case "csv":
            return EventClock()
        case "alpha_vantage" | "yahoo":
            return WallClock()


def wall_seconds(clock: Clock, market_seconds: float) -> float:
    """Return how long to sleep until `market_seconds` have passed, at most a second and at least a twentieth."""
    if not isinstance(clock, MarketClock):
        return max(0.05, min(1.0, market_seconds))
    reading = clock.reading()
    return 1.0 if reading.paused else max(0.05, min(1.0, market_seconds / reading.speed))
