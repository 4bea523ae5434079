"""Read bars as a member of a group; offsets are committed by hand, after the store."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stock_ml.adapters.broker.client import client_config, close, position
from stock_ml.adapters.broker.client_events import EVERY, Brokers, Errors
from stock_ml.adapters.broker.retention_loss import Unread
from stock_ml.adapters.broker.stalls import Stalls
from stock_ml.adapters.broker.topics import Topics
from stock_ml.adapters.broker.unreadable import UNREADABLE, UnreadableBatch, reread
from stock_ml.config import Settings
from stock_ml.errors import BrokerFatal, BrokerUnavailable

log = logging.getLogger(__name__)
SETTLE = 0.01  # seconds in which bars of the same minute come in together


class Subscriber:
    """Read messages of the partitions that the group assigned to this process; use it from one thread."""

    def __init__(self, s: Settings, consumer: Consumer, brokers: Brokers, unread: Unread) -> None:
        self._consumer, self._brokers, self._unread = consumer, brokers, unread
        self._s, self._errors, self._stalls = s, Errors(), Stalls()
        self._failed: dict[int, int] = {}  # by partition: the offset of what the client could not read
        self._sound: set[tuple[int, int]] = set()  # partitions and offsets that could be read at the second look

    @classmethod
    def connect(cls, s: Settings, group: str, on_change: Callable[[Sequence[int]], None]) -> "Subscriber":
        """Join a group; `on_change` gets, during `poll`, the partitions that were assigned or revoked."""
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
        rebalance = _Rebalance(on_change, unread)
        consumer.subscribe([Topics.of(s).bars], on_assign=rebalance.assigned, on_revoke=rebalance, on_lost=rebalance)
        return cls(s, consumer, brokers, unread)

    def poll(self, count: int, seconds: float) -> list[Message]:
        """Return the messages that wait, up to `count`, after at most `seconds` for the first one.

        Errors of the broker are logged; it is asked again with the next call. Raises BrokerFatal where Kafka's client
        ended for good.
        """
        began = monotonic()
        first = self._consumer.poll(seconds)
        taken = [] if first is None else [first, *self._consumer.consume(count - 1, SETTLE)]
        good = [message for message in taken if self._is_good(message)]
        waiting = {at: offset for at, (offset, left) in self._waiting().items() if left and len(taken) < count}
        self._stalls.update(waiting, monotonic() - began)
        return good

    def _is_good(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            if self._failed:
                self._failed.pop(position(message).partition, None)
            return True
        self._note(message, error)
        return False

    def _note(self, message: Message, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            raise BrokerFatal(f"Kafka's client gave up: {error.str()}; a new process connects anew")
        self._errors(error)
        if error.code() in UNREADABLE:
            partition, offset = position(message)
            self._failed[partition] = offset
            self._sound.discard((partition, offset))

    @property
    def standing(self) -> dict[int, int]:
        """Return, by assigned partition, the offset at which it is stalled."""
        places = self._stalls.offsets | self._failed
        own = {at.partition for at in self._consumer.assignment()} if places else ()
        return {at: offset for at, offset in sorted(places.items()) if at in own}

    def unreadable(self) -> UnreadableBatch | None:
        """Read again where partitions are stalled; return the first batch that cannot be read, None for no such one.

        Raises BrokerUnavailable where Kafka does not show it: ask again with the next turn.
        """
        for place in () if self._brokers.trouble else self.standing.items():
            if place not in self._sound and (found := self._reread(*place)):
                return found
        return None

    def _reread(self, partition: int, offset: int) -> UnreadableBatch | None:
        try:
            found = reread(self._s, TopicPartition(Topics.of(self._s).bars, partition, offset))
        except BrokerUnavailable:
            self._stalls.forget(partition)  # Kafka itself is unavailable: the partition gets its time again
            raise
        if found is None:
            self._sound.add((partition, offset))
            self._failed.pop(partition, None)  # where the client fails again, it says so again
        return found

    def pass_over(self, batch: UnreadableBatch) -> None:
        """Go on behind a batch that cannot be read, and commit that it is done with.

        Raises BrokerUnavailable where the group has moved on or Kafka is away: who has the partition meets it again.
        """
        behind = TopicPartition(batch.topic, batch.partition, batch.end)
        self._failed.pop(batch.partition, None)
        self._stalls.forget(batch.partition)
        try:
            self._consumer.seek(behind)
            self._unread.skip(batch)
            self._consumer.commit(offsets=[behind], asynchronous=False)
        except KafkaException as error:
            raise BrokerUnavailable(f"the unreadable batch was not passed over: {error.args[0].str()}") from error

    def commit(self, messages: Sequence[Message]) -> None:
        """Commit that these messages, and all before them, are done with.

        Raises BrokerUnavailable where the group has moved on or Kafka is away: the messages come again.
        """
        ends = [TopicPartition(Topics.of(self._s).bars, *end) for end in self._unread.advance(messages).items()]
        try:
            self._consumer.commit(offsets=ends, asynchronous=False)
        except KafkaException as error:
            raise BrokerUnavailable(f"the offsets were not committed: {error.args[0].str()}") from error

    def lag(self) -> int:
        """Return how many messages of the own partitions wait to be read, as last heard from the broker."""
        return sum(left for _, left in self._waiting().values())

    def _waiting(self) -> dict[int, tuple[int, int]]:
        """Return by partition the offset that comes next, and how many messages wait from there on."""
        positions = self._consumer.position(self._consumer.assignment())
        found = {at.partition: max(at.offset, self._unread.next(at.partition)) for at in positions}
        newest = {at.partition: self._newest(at) for at in positions}
        return {at: (offset, max(newest[at] - offset, 0)) for at, offset in found.items() if offset >= 0}

    @property
    def trouble(self) -> str | None:
        """Return that no broker answers or a partition is stalled, None where all is well, as of the last call."""
        places = [f"partition {at} stands at offset {offset}" for at, offset in self.standing.items()]
        return self._brokers.trouble or (
            f"{' and '.join(places)}: its next message does not come, see the logs" if places else None
        )

    def close(self, seconds: float = 3.0) -> bool:
        """Leave the group, so that others take over at once, and say whether the broker took notice in time.

        All that was done with is committed, so nothing is lost if it did not; others wait for the session to end.
        """
        return close(self._consumer, seconds)

    def _newest(self, at: TopicPartition) -> int:
        _, high = self._consumer.get_watermark_offsets(at, cached=True)
        return int(high)


class _Rebalance:
    def __init__(self, on_change: Callable[[Sequence[int]], None], unread: Unread) -> None:
        self._on_change, self._unread = on_change, unread

    def __call__(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions moved=%s", ",".join(str(at.partition) for at in partitions))
        self._on_change([at.partition for at in partitions])

    def assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Tell of partitions that came, and of what was deleted in them before anybody read it."""
        self(consumer, partitions)
        self._unread.begin(consumer, partitions)
