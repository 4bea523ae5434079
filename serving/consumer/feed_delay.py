"""How late the feed shows its bars, as the settings state it or as the producer learned it."""

from collections.abc import Mapping
from time import monotonic
from typing import Protocol

import numpy as np

from serving.stream_config import StreamConfig
from stock_ml.adapters.postgres.connection import ServiceState

EVERY = 10.0  # wall seconds after which the producer's report is read again
LONGEST = 3600  # seconds; a report of more is not believed


class Reports(Protocol):
    """Read what a service last reported. Raises StoreUnavailable."""

    def read_state(self, service: str) -> ServiceState | None: ...


class FeedDelay:
    """Hold the delay of the feed by exchange; read it with `refresh`, then use it for a batch."""

    def __init__(self, reports: Reports, config: StreamConfig) -> None:
        self._reports, self._config = reports, config
        self._due = 0.0
        self._by_calendar = self._delays({})

    def refresh(self) -> None:
        """Read the producer's report, unless that was done lately. Raises StoreUnavailable."""
        if monotonic() < self._due:
            return
        report = self._reports.read_state("producer")
        self._by_calendar = self._delays(report.state.get("feed_delay", {}) if report else {})
        self._due = monotonic() + EVERY

    def of(self, symbols: np.ndarray) -> np.ndarray:
        """Return the delay of each symbol's feed in seconds; symbols as bytes, (n,)."""
        if not self._by_calendar.any():
            return np.zeros(len(symbols), dtype=np.int64)
        slot = np.searchsorted(self._config.symbol_table, symbols)
        return np.asarray(self._by_calendar[self._config.calendar[slot]])

    def _delays(self, learned: Mapping[str, int]) -> np.ndarray:
        least = self._config.feed_delay
        delays = [max(least, min(learned.get(each.exchange, 0), LONGEST)) for each in self._config.calendars]
        return np.array(delays, dtype=np.int64)
