"""Read bars as a member of a group; offsets are committed by hand, after the store."""

import logging
from collections.abc import Callable, Sequence
from threading import Thread

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.client_events import EVERY, Brokers, Errors
from stock_ml.adapters.broker.retention_loss import Unread
from stock_ml.adapters.broker.topics import Topics
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

log = logging.getLogger(__name__)
SETTLE = 0.01  # seconds in which bars of the same minute come in together


class Subscriber:
    """Take messages of the partitions that the group gave to this process; use it from one thread."""

    def __init__(self, consumer: Consumer, brokers: Brokers, unread: Unread) -> None:
        self._consumer, self._brokers, self._unread = consumer, brokers, unread

    @classmethod
    def connect(cls, s: Settings, group: str, moved: Callable[[Sequence[int]], None]) -> "Subscriber":
        """Join a group; `moved` is told, while messages are taken, of partitions that come or go."""
        config = {
            "group.id": group,
            "group.protocol": "consumer",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "error_cb": Errors(),
        }
        brokers = Brokers(s.kafka)
        consumer = Consumer(client_config(s) | config | EVERY | {"stats_cb": brokers})
        unread = Unread()
        told = _Moved(moved, unread)
        consumer.subscribe([Topics.of(s).bars], on_assign=told.assigned, on_revoke=told, on_lost=told)
        return cls(consumer, brokers, unread)

    def take(self, count: int, seconds: float) -> list[Message]:
        """Return the messages that are there, up to `count`, waiting at most `seconds` for the first one.

        Errors of the broker are logged; it is asked again with the next call.
        """
        first = self._consumer.poll(seconds)
        taken = [] if first is None else [first, *self._consumer.consume(count - 1, SETTLE)]
        for message in taken:
            if message.error():
                log.warning("kafka error=%s", message.error().str())
        return [message for message in taken if not message.error()]

    def commit(self, messages: Sequence[Message]) -> None:
        """Commit that these messages, and all before them, are done with.

        Raises BrokerUnavailable where the group has moved on or Kafka is away: the messages come again.
        """
        ends = [TopicPartition(messages[0].topic(), *end) for end in self._unread.passed(messages).items()]
        try:
            self._consumer.commit(offsets=ends, asynchronous=False)
        except KafkaException as error:
            raise BrokerUnavailable(f"the offsets were not committed: {error.args[0].str()}") from error

    def lag(self) -> int:
        """Return how many messages of the own partitions wait to be read, as last heard from the broker."""
        positions = self._consumer.position(self._consumer.assignment())
        return sum(max(self._newest(at) - at.offset, 0) for at in positions if at.offset >= 0)

    @property
    def trouble(self) -> str | None:
        """Return that no broker answers, None where one does, as known since messages were asked for last."""
        return self._brokers.trouble

    def close(self, seconds: float = 3.0) -> bool:
        """Leave the group, so that others take over at once, and say whether the broker took notice in time.

        All that was done with is committed, so nothing is lost if it did not; others wait for the session to end.
        """
        closing = Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(seconds)
        return not closing.is_alive()

    def _newest(self, at: TopicPartition) -> int:
        _, high = self._consumer.get_watermark_offsets(at, cached=True)
        return int(high)


class _Moved:
    def __init__(self, moved: Callable[[Sequence[int]], None], unread: Unread) -> None:
        self._moved, self._unread = moved, unread

    def __call__(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions moved=%s", ",".join(str(at.partition) for at in partitions))
        self._moved([at.partition for at in partitions])

    def assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Tell of partitions that came, and of what was deleted in them before anybody read it."""
        self(consumer, partitions)
        self._unread.begin(consumer, partitions)
