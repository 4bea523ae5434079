"""What Kafka's client says of itself: whether any broker is connected, and its errors, each at most once a minute."""

import logging
from collections.abc import Callable
from time import monotonic

import orjson
from confluent_kafka import KafkaError

log = logging.getLogger(__name__)
EVERY = {"statistics.interval.ms": 1000}
AGAIN = 60.0  # seconds


class Brokers:
    """Hear the client's statistics, while it is asked for messages."""

    def __init__(self, where: str) -> None:
        self._where, self._up = where, True

    def __call__(self, statistics: str) -> None:
        """Note whether any broker is connected."""
        states = [each["state"] for each in orjson.loads(statistics)["brokers"].values()]
        self._up = "UP" in states

    @property
    def trouble(self) -> str | None:
        """Return that no broker answers, None where one does."""
        return None if self._up else f"Kafka at {self._where} does not answer"


class Errors:
    """Log the client's errors; an outage brings the same one hundreds of times."""

    def __init__(self, wall: Callable[[], float] = monotonic) -> None:
        self._wall = wall
        self._logged_at: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless one of its kind was logged within the last minute."""
        now = self._wall()
        if now - self._logged_at.get(error.code(), -AGAIN) >= AGAIN:
            self._logged_at[error.code()] = now
            log.warning("kafka error=%s", orjson.dumps(error.str()).decode())
