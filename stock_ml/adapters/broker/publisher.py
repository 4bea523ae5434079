"""Publish in order, without loss and without repeats while the process lives."""

import logging

from confluent_kafka import KafkaError, Message, Producer

from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.messages import ClosedSession, encode_bar, encode_session
from stock_ml.adapters.broker.topics import LIMITS, Topics
from stock_ml.bars import Bar
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

log = logging.getLogger(__name__)
FULL = 10_000  # messages


class Publisher:
    """Hand messages to Kafka's client, which keeps them while the broker is away and sends them when it is back."""

    def __init__(self, producer: Producer, topics: Topics) -> None:
        self._producer, self._topics = producer, topics
        self._failed: KafkaError | None = None

    @classmethod
    def connect(cls, s: Settings) -> "Publisher":
        """Return a publisher of this installation; the client connects by itself, also later."""
        # message.timeout.ms 0: an outage of any length delays messages and drops none
        config = {
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            "linger.ms": 5,
            "queue.buffering.max.messages": 2 * FULL,
            "error_cb": lambda error: log.warning("kafka error=%s", error),
        }
        return cls(Producer(client_config(s) | config | LIMITS), Topics.of(s))

    def bar(self, bar: Bar) -> None:
        """Publish a bar with its symbol as key. Raises BrokerUnavailable where the buffer is full: try again."""
        self._send(self._topics.bars, bar.symbol.encode(), encode_bar(bar))

    def session(self, closed: ClosedSession) -> None:
        """Announce a closed session."""
        self._send(self._topics.sessions, closed.exchange.encode(), encode_session(closed))

    def rejected(self, message: Message, reason: str) -> None:
        """Publish what could not be read, byte for byte; the headers say where it stood and why it was refused."""
        headers = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        told = [(name, str(value).encode()) for name, value in headers.items()]
        self._send(self._topics.rejected, message.key(), message.value(), [*told, ("reason", reason.encode())])

    def flush(self, seconds: float) -> int:
        """Wait until all is delivered, and return how many messages still are not.

        Raises BrokerUnavailable where Kafka refused one for good.
        """
        left = int(self._producer.flush(seconds))
        self._raise_failed()
        return left

    def _send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        self._raise_failed()
        if len(self._producer) >= FULL:
            self._producer.poll(1)  # a fast replay waits here for the broker
        try:
            self._producer.produce(topic, key=key, value=value, headers=headers or [], on_delivery=self._delivered)
        except BufferError:
            raise BrokerUnavailable(f"Kafka takes no messages, {len(self._producer)} wait; is it away?") from None
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._failed = self._failed or error

    def _raise_failed(self) -> None:
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise BrokerUnavailable(f"Kafka refused a message: {error}")
