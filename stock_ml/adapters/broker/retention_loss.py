"""Which offset comes next; and what retention took from a topic before anybody read it, as no error says so."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from stock_ml.adapters.broker.client import position
from stock_ml.adapters.broker.unreadable import UnreadableBatch

log = logging.getLogger(__name__)
SECONDS = 10
DELETED = (
    "partition %d: %d messages were deleted before they were read, offsets %d to %d: the topic keeps them too briefly "
    "(STOCKML_KAFKA_RETENTION_DAYS); `make replay` publishes their bars again"
)


class Unread:
    """Remember by partition which offset comes next; where another one comes, what lies between was deleted."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def begin(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Go on from what is committed of partitions that came, telling what was deleted since."""
        for at in partitions:
            self._next.pop(at.partition, None)
        try:
            committed = [at for at in consumer.committed(partitions, timeout=SECONDS) if at.offset >= 0]
            for at, low in ((at, consumer.get_watermark_offsets(at, timeout=SECONDS)[0]) for at in committed):
                self._log_deleted(at.partition, at.offset, low)
                self._next[at.partition] = max(at.offset, low)
        except KafkaException as error:
            log.warning("nobody knows yet what was deleted unread: %s", error.args[0].str())

    def advance(self, messages: Sequence[Message]) -> dict[int, int]:
        """Return of each partition the offset after its last message, telling what lacks before or among these."""
        partitions = [message.partition() for message in messages]
        last = dict(zip(partitions, messages, strict=True))  # of each partition its last one stays
        counts = Counter(partitions)
        ends = {at.partition: at.offset + 1 for at in map(position, last.values())}
        for partition, end in ends.items():
            known = self._next.get(partition, end)
            if end - known > counts[partition]:
                self._holes(partition, known, [position(m).offset for m in messages if m.partition() == partition])
        self._next |= ends
        return ends

    def skip(self, batch: UnreadableBatch) -> None:
        """Go on behind what cannot be read, telling what was deleted before it."""
        self._log_deleted(batch.partition, self._next.get(batch.partition, batch.first), batch.first)
        self._next[batch.partition] = batch.end

    def next(self, partition: int) -> int:
        """Return the offset that comes next as far as it was done with, -1 where that is not known."""
        return self._next.get(partition, -1)

    def _holes(self, partition: int, known: int, offsets: Iterable[int]) -> None:
        for offset in offsets:
            self._log_deleted(partition, known, offset)
            known = offset + 1

    def _log_deleted(self, partition: int, first: int, end: int) -> None:
        if end > first:
            log.warning(DELETED, partition, end - first, first, end)
