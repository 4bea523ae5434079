"""Write a service's report once a second; the age of its row is the service's health."""

import logging
from collections.abc import Callable
from time import monotonic

from serving.common.health import Health
from serving.common.logs import line
from serving.common.reports import Report
from stock_ml.errors import StockMLError

log = logging.getLogger(__name__)
EVERY, AFTER_FAILURE = 1.0, 5.0  # seconds


class StateWriter:
    """Write a service's row. A database that is unavailable is logged, and never stops the service."""

    def __init__(self, store: Callable[[Report], None], health: Health | None = None) -> None:
        self._store, self._health = store, health or Health()
        self._due = 0.0

    def write(self, report: Callable[[], Report]) -> None:
        """Write what `report` returns, if the last time was a second ago."""
        if monotonic() < self._due:
            return
        wait = EVERY
        try:
            self._store(report())
            self._health.set_fault("postgresql", None)
        except StockMLError as error:
            log.warning(line("state not written", reason=error))
            self._health.record_error(error)
            wait = AFTER_FAILURE
        self._due = monotonic() + wait


class Throttle:
    """Log a warning that stays true once a minute; docs/decisions/0005-own-log-throttle.md compares libraries."""

    def __init__(self, wall: Callable[[], float] = monotonic) -> None:
        self._wall = wall
        self._last: tuple[str | None, float] = (None, 0.0)

    def warn(self, message: str | None) -> None:
        """Log a message unless it was logged within the last minute; None means that all is well again."""
        last, at = self._last
        if message is not None and (message != last or self._wall() - at >= 60):
            log.warning(message)
            self._last = (message, self._wall())
        elif message is None:
            self._last = (None, 0.0)
