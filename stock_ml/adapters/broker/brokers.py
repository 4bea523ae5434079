"""Whether any broker is connected, as Kafka's client itself says once a second."""

import orjson

EVERY = {"statistics.interval.ms": 1000}


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
