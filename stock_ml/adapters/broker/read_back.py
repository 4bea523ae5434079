"""Read back what a topic holds, outside any group."""

import logging
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from stock_ml.adapters.broker.client import client_config, close, position
from stock_ml.adapters.broker.client_events import Login
from stock_ml.adapters.broker.unreadable import UNREADABLE, reread
from stock_ml.config import Settings

log = logging.getLogger(__name__)
SECONDS = 15
SILENCE = 15.0  # seconds without a message before the end, after which Kafka is away or a message cannot be read


def read_back(s: Settings, topic: str, newest: int | None = None) -> Iterator[bytes | None]:
    """Yield the values on a topic as it is now, in order within a partition; only the `newest` of each if given.

    Batches that Kafka's client cannot read are passed over, and logged.
    Raises BrokerUnavailable where Kafka does not answer or lacks the topic.
    """
    config = {"group.id": "read-back", "enable.auto.commit": False, "enable.partition.eof": True}
    login = Login()
    consumer = Consumer({**client_config(s), **config, "auto.offset.reset": "earliest", "error_cb": login})
    try:
        yield from _Partitions(s, consumer, topic).values(newest)
    except KafkaException as error:
        raise login.failure(consumer, f"topic {topic} on Kafka at {s.kafka} cannot be read", error) from error
    finally:
        close(consumer)


class _Partitions:
    """Read the partitions of a topic to their ends."""

    def __init__(self, s: Settings, consumer: Consumer, topic: str) -> None:
        self._s, self._consumer, self._topic = s, consumer, topic
        self._next: dict[int, int] = {}  # the offset that comes next, of partitions that are not read to their ends

    def values(self, newest: int | None) -> Iterator[bytes | None]:
        """Yield the values; only the `newest` of each partition if given. Raises KafkaException, BrokerUnavailable."""
        self._next = self._starts(newest)
        self._consumer.assign([TopicPartition(self._topic, *start) for start in self._next.items()])
        while self._next:
            first = self._consumer.poll(SILENCE)
            taken = [] if first is None else [first, *self._consumer.consume(10_000, 0)]
            yield from self._good(taken)
            failed = {position(message).partition for message in taken if _is_unreadable(message)} & self._next.keys()
            if failed or first is None:
                self._pass_over(failed or set(self._next))

    def _starts(self, newest: int | None) -> dict[int, int]:
        described = self._consumer.list_topics(self._topic, timeout=SECONDS).topics[self._topic]
        if described.error is not None:
            raise KafkaException(described.error)
        if newest is None:
            return dict.fromkeys(described.partitions, OFFSET_BEGINNING)
        return {partition: self._start(partition, newest) for partition in described.partitions}

    def _start(self, partition: int, newest: int) -> int:
        low, high = self._ends(partition)
        return max(low, high - newest)

    def _ends(self, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=SECONDS)
        return int(low), int(high)

    def _good(self, taken: Iterable[Message]) -> Iterator[bytes | None]:
        for message in taken:
            error = message.error()
            if error is None:
                partition, offset = position(message)
                if partition in self._next:
                    self._next[partition] = offset + 1
                yield message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next.pop(position(message).partition, None)
            elif not _is_unreadable(message):
                raise KafkaException(error)

    def _pass_over(self, partitions: set[int]) -> None:
        """Skip what cannot be read of partitions that do not advance, after a second read."""
        offsets = {at: self._ends(at)[0] if self._next[at] < 0 else self._next[at] for at in partitions}
        places = [TopicPartition(self._topic, *place) for place in offsets.items()]
        found = [batch for batch in (reread(self._s, place) for place in places) if batch is not None]
        if not found:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        for batch in found:
            log.warning("topic %s, partition %d: offsets %d to %d cannot be read and are passed over: %s", *batch)
            self._consumer.seek(TopicPartition(batch.topic, batch.partition, batch.end))
            self._next[batch.partition] = batch.end


def _is_unreadable(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() in UNREADABLE
