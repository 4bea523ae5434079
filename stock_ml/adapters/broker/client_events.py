"""What Kafka's client says of itself: whether any broker is connected, and its errors, each at most once a minute.

Of a login that is refused it tells by `error_cb` only: the request itself ends with a broken connection.
"""

import logging
from collections.abc import Callable
from time import monotonic

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from stock_ml.errors import BrokerUnavailable

log = logging.getLogger(__name__)
EVERY = {"statistics.interval.ms": 1000}
AGAIN = 60.0  # seconds
LOGIN_ADVICE = (
    "`make up` gives its own broker the password; for yours see STOCKML_KAFKA_USERNAME and STOCKML_KAFKA_PASSWORD"
)


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
            advice = f"; {LOGIN_ADVICE}" if error.code() == KafkaError._AUTHENTICATION else ""
            log.warning("kafka error=%s", orjson.dumps(error.str() + advice).decode())


class Login:
    """Hear from one client whether the broker refuses its login."""

    def __init__(self) -> None:
        self._refusal = ""

    def __call__(self, error: KafkaError) -> None:
        """Note a refusal."""
        if error.code() == KafkaError._AUTHENTICATION:
            self._refusal = error.str()

    def failure(self, client: AdminClient | Consumer, problem: str, error: KafkaException) -> BrokerUnavailable:
        """Return the error of a request: `problem` and the client's reason, or that the login is refused."""
        client.poll(0)  # the client reports only when it is polled
        if self._refusal:
            return BrokerUnavailable(f"Kafka refuses the login: {self._refusal}; {LOGIN_ADVICE}")
        return BrokerUnavailable(f"{problem}: {error.args[0].str()}")
