"""Which clock the stream follows."""

from stock_ml.adapters.market_clock import MarketClock, open_clock
from stock_ml.config import Settings
from stock_ml.domain.clock import Clock, EventClock


def stream_clock(s: Settings) -> Clock:
    """Return the market's clock; for a file the time of its newest bar so far, as if it were live."""
    return EventClock() if s.replayed else open_clock(s)


def wall_seconds(clock: Clock, market_seconds: float) -> float:
    """Return how long to sleep until `market_seconds` have passed, at most a second and at least a twentieth."""
    if not isinstance(clock, MarketClock):
        return max(0.05, min(1.0, market_seconds))
    reading = clock.reading()
    return 1.0 if reading.paused else max(0.05, min(1.0, market_seconds / reading.speed))
