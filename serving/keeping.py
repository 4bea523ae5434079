"""Keep bars: what is known of each symbol, from the database when it is not in memory, and back into it."""

from collections.abc import Sequence

from serving.forecasting import Serving, by_symbol, handle
from serving.rules import Rules
from serving.taking import reaches
from stock_ml.adapters.forecast_store import ForecastStore, Stored
from stock_ml.bars import Bar
from stock_ml.clock import Clock, EventClock
from stock_ml.gaps import Minutes


class Keeper:
    """Turn received bars into stored bars and forecasts."""

    def __init__(self, store: ForecastStore, clock: Clock, rules: Rules) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._histories: dict[str, Minutes] = {}

    def forget(self) -> None:
        """Drop what is in memory, when another process may have stored since; the database knows it all."""
        self._histories.clear()

    def keep(self, bars: Sequence[Bar], serving: Serving | None) -> Stored:
        """Store a batch of bars with their forecasts; the same batch again changes nothing.

        Raises StoreUnavailable or SourceUnavailable (the sandbox's clock): nothing is stored then, call it again.
        """
        self._load_for(bars)
        handled = handle(self._histories, bars, serving, self._now(), self._rules)
        stored = self._store.store(handled.bars, handled.forecasts)
        self._histories |= handled.histories
        return stored

    def _now(self) -> float | None:
        # a replay's time is told by the bars themselves
        return None if isinstance(self._clock, EventClock) else self._clock.now()

    def _load_for(self, bars: Sequence[Bar]) -> None:
        oldest = {symbol: min(bar.ts for bar in new) for symbol, new in by_symbol(bars).items()}
        lacking = {
            symbol: ts for symbol, ts in oldest.items() if not reaches(self._histories.get(symbol), ts, self._rules)
        }
        if lacking:
            received = self._store.received(lacking, self._rules.rows)
            self._histories |= {symbol: Minutes.of_bars(bars) for symbol, bars in received.items()}
