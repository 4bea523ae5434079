"""Say once a second how a service is; the row's age is the service's health."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from serving.common.health import Health
from serving.common.logs import line
from stock_ml.errors import StockMLError

log = logging.getLogger(__name__)
EVERY, AFTER_FAILURE = 1.0, 5.0  # seconds


class StateWriter:
    """Write a service's row; a database that is away is told in the log, and never stops the service."""

    def __init__(self, write: Callable[[Mapping[str, Any]], None], health: Health | None = None) -> None:
        self._write, self._health = write, health or Health()
        self._due = 0.0

    def tell(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Write what `state` returns, if the last time was a second ago."""
        if monotonic() < self._due:
            return
        wait = EVERY
        try:
            self._write(state())
            self._health.heard("postgresql", None)
        except StockMLError as error:
            log.warning(line("state not written", reason=error))
            self._health.away(error)
            wait = AFTER_FAILURE
        self._due = monotonic() + wait


class OnceAMinute:
    """Keep a message that is true for long from filling the log."""

    def __init__(self, wall: Callable[[], float] = monotonic) -> None:
        self._wall = wall
        self._said: tuple[str | None, float] = (None, 0.0)

    def warn(self, message: str | None) -> None:
        """Log a message unless it was logged within the last minute; None means that all is well again."""
        said, at = self._said
        if message is not None and (message != said or self._wall() - at >= 60):
            log.warning(message)
            self._said = (message, self._wall())
        elif message is None:
            self._said = (None, 0.0)
