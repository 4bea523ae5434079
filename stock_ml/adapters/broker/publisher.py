"""Publish in order, without loss and without repeats while the process lives."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.client_events import Errors
from stock_ml.adapters.broker.messages import (
    ClosedSession,
    encode_alert,
    encode_bar,
    encode_official_close,
    encode_session,
)
from stock_ml.adapters.broker.topics import LIMITS, Topics
from stock_ml.adapters.broker.unreadable import UnreadableBatch
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BrokerRefused, BrokerUnavailable
from stock_ml.evaluation.live_performance import Alert

Headers = list[tuple[str, str | bytes | None]]
FULL = 10_000  # messages
LARGEST_KEPT, LARGEST_KEY = 1_500_000, 100_000  # bytes of a rejected message


class Publisher:
    """Hand messages to Kafka's client, which buffers them while the broker is unavailable, and sends them later.

    Every method raises BrokerRefused once Kafka refused a message for good. From then on nothing more is sent, so that
    no bar overtakes the refused one; end the process, for its next start publishes what is not on the topic.
    """

    def __init__(self, producer: Producer, topics: Topics, wall: Callable[[], float] = monotonic) -> None:
        self._producer, self._topics, self._wall = producer, topics, wall
        self._refused: KafkaError | None = None
        self._confirmed_at = wall()

    @classmethod
    def connect(cls, s: Settings) -> "Publisher":
        """Return a publisher of this installation; the client connects by itself, also later."""
        # message.timeout.ms 0: an outage of any length delays messages and drops none
        # gapless: after a message that is refused the client sends none that were queued behind it
        config = {
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "message.timeout.ms": 0,
            "linger.ms": 5,
            "queue.buffering.max.messages": 2 * FULL,
            "error_cb": Errors(),
        }
        return cls(Producer(client_config(s) | config | LIMITS), Topics.of(s))

    @property
    def undelivered(self) -> int:
        """Return how many messages wait in memory for the broker."""
        return len(self._producer)

    @property
    def unconfirmed(self) -> float:
        """Return for how many seconds messages have waited while Kafka confirmed none; 0 where none wait."""
        self.poll()  # the client reports deliveries only when it is polled
        return self._wall() - self._confirmed_at if self.undelivered else 0.0

    def bar(self, bar: Bar) -> None:
        """Publish a bar with its symbol as key. Raises BrokerUnavailable where the buffer is full: try again."""
        self._send(self._topics.bars, bar.symbol.encode(), encode_bar(bar))

    def official_close(self, close: OfficialClose) -> None:
        """Publish an official close beside its symbol's bars. Raises BrokerUnavailable where the buffer is full."""
        self._send(self._topics.bars, close.symbol.encode(), encode_official_close(close))

    def session(self, closed: ClosedSession) -> None:
        """Announce a closed session. Raises BrokerUnavailable where the buffer is full: try again."""
        self._send(self._topics.sessions, closed.exchange.encode(), encode_session(closed))

    def alert(self, alert: Alert) -> None:
        """Ask for a new training. Raises BrokerUnavailable where the buffer is full: try again."""
        self._send(self._topics.alerts, alert.kind.encode(), encode_alert(alert))

    def rejected(self, message: Message, reason: str) -> None:
        """Publish a message that could not be read, byte for byte; the headers hold its position and the reason.

        Of what is larger than any topic of ours takes, the beginning is kept, and `bytes` says how large it was.
        """
        value = message.value()
        headers = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        headers |= {"reason": reason, "bytes": len(value or b"")}
        key = message.key()
        kept = value[:LARGEST_KEPT] if value else value
        self._send(self._topics.rejected, key[:LARGEST_KEY] if key else key, kept, _headers(headers))

    def unreadable(self, batch: UnreadableBatch) -> None:
        """Publish the position of an unreadable batch, how many messages it holds and why, without its bytes."""
        headers = {"topic": batch.topic, "partition": batch.partition, "offset": batch.first}
        headers |= {"reason": batch.reason, "messages": batch.end - batch.first}
        self._send(self._topics.rejected, None, None, _headers(headers))

    def poll(self) -> None:
        """Learn which of the messages sent so far were delivered."""
        with self._refusals():
            self._producer.poll(0)

    def flush(self, seconds: float) -> int:
        """Wait until all is delivered, and return how many messages still are not."""
        with self._refusals():
            left = int(self._producer.flush(seconds))
        return left

    def _send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None) -> None:
        waiting = self.undelivered
        if not waiting:
            self._confirmed_at = self._wall()
        try:
            with self._refusals():
                self._producer.poll(1 if waiting >= FULL else 0)  # a fast replay waits here for the broker
                if self._refused is None:
                    self._produce(topic, key, value, headers or [])
        except BufferError:
            raise BrokerUnavailable(f"Kafka takes no messages, {self.undelivered} wait; is it away?") from None

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        if self.undelivered >= FULL:
            raise BufferError
        self._producer.produce(topic, key=key, value=value, headers=headers, on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._confirmed_at = self._wall()
        self._refused = self._refused or error

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:  # the client itself broke down, after a refusal it may not pass over
            self._refused = self._refused or error.args[0]
        except SystemError as error:  # the same, where the client also returned a result, or gives no reason later
            if isinstance(error.__cause__, KafkaException):
                self._refused = self._refused or error.__cause__.args[0]
            if self._refused is None:
                raise
        if self._refused is not None:
            raise BrokerRefused(
                f"Kafka refused a message for good: {self._refused}; nothing is sent after it, see the broker's log"
            )


def _headers(given: Mapping[str, object]) -> Headers:
    return [(name, str(value).encode()) for name, value in given.items()]
