"""What is said of a symbol beside its rows; read anew only where a bar came since."""

from collections.abc import Iterable, Mapping
from typing import Any

from serving.dashboard.state import service_states
from serving.dashboard.verdict import score_state
from stock_ml.adapters.forecast_reader import ForecastReader, Service
from stock_ml.errors import StoreUnavailable

Kept = tuple[int | None, dict[str, Any]]


class States:
    """Hold the newest bar and the score of each symbol that is watched."""

    def __init__(self, reader: ForecastReader, mlflow: str) -> None:
        self._reader, self._mlflow = reader, mlflow
        self._kept: dict[str, Kept] = {}
        self._fresh: set[str] = set()

    def changed(self, symbols: Iterable[str]) -> None:
        """Note that rows of these symbols came."""
        self._fresh.difference_update(symbols)

    def services(self) -> dict[str, Service]:
        """Return what the services say. Raises StoreUnavailable."""
        return self._reader.services()

    def of(self, symbol: str, services: Mapping[str, Service]) -> dict[str, Any]:
        """Return what the page says beside the chart. Raises StoreUnavailable."""
        if symbol not in self._fresh:
            self._fresh.add(symbol)  # before reading: what comes meanwhile makes it old again
            self._kept[symbol] = self._read(symbol)
        last_bar, score = self._kept[symbol]
        return service_states(services, last_bar, self._mlflow) | {"score": score}

    def _read(self, symbol: str) -> Kept:
        try:
            return self._reader.last_bar(symbol), score_state(self._reader.score(symbol))
        except StoreUnavailable:
            self._fresh.discard(symbol)
            raise
