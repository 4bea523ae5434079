"""Batches of messages that Kafka's client cannot read: damaged on the broker's disk, or too large to unpack."""

from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stock_ml.adapters.broker.client import client_config, close, position
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

UNREADABLE = (KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG)
SOUND = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)  # there is no message at an offset (any more)
SECONDS = 10  # a service that waits here reports nothing
CONFIG = {
    "group.id": "look-again",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    # Not every damage is reported without it. It is set here only, as after a wrong checksum librdkafka 2.16 reads on
    # at a wrong place, which may take a client to the begin of the topic: each read here has a client of its own.
    "check.crcs": True,
}


class UnreadableBatch(NamedTuple):
    """Hold what cannot be read of a partition: the offsets from `first` to before `end`, and the client's reason."""

    topic: str
    partition: int
    first: int
    end: int
    reason: str


def reread(s: Settings, at: TopicPartition) -> UnreadableBatch | None:
    """Read from an offset over a new connection; return what is unreadable there, None where a message can be read.

    Raises BrokerUnavailable where Kafka does not answer.
    """
    try:
        return _unreadable(s, at)
    except KafkaException as error:
        raise BrokerUnavailable(
            f"Kafka at {s.kafka} does not show offset {at.offset} of {at.topic}, partition {at.partition}: "
            f"{error.args[0].str()}"
        ) from error


def end_of_batch(holds: Callable[[int], bool], first: int, high: int) -> int:
    """Return the first offset after the batch that holds `first`; `high` is after it.

    `holds` says whether an offset is in the batch. Small batches take one or two questions, others twice the logarithm.
    """
    inside, outside, step = first, high, 1
    while outside - inside > 1:
        middle = min(inside + step, (inside + outside) // 2)
        if holds(middle):
            inside, step = middle, 2 * step
        else:
            outside = middle
    return outside


class _Failure(NamedTuple):
    """Hold why the client cannot read, and the first offset of the batch, wherever in it the client began."""

    offset: int
    reason: str


def _unreadable(s: Settings, at: TopicPartition) -> UnreadableBatch | None:
    found, high = _read_at(s, at)
    if found is None:
        return None

    def holds(offset: int) -> bool:
        failure, _ = _read_at(s, TopicPartition(at.topic, at.partition, offset))
        return failure is not None and failure.offset == found.offset

    end = end_of_batch(holds, at.offset, high)
    return UnreadableBatch(at.topic, at.partition, at.offset, end, found.reason)


def _read_at(s: Settings, at: TopicPartition) -> tuple[_Failure | None, int]:
    """Return the client's failure to read at an offset, None where it can, and the offset after the newest message."""
    consumer = Consumer(client_config(s) | CONFIG)
    try:
        _, high = consumer.get_watermark_offsets(at, timeout=SECONDS)
        consumer.assign([at])
        return _failure(consumer.poll(SECONDS)), high
    finally:
        close(consumer)


def _failure(message: Message | None) -> _Failure | None:
    if message is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    error = message.error()
    if error is None or error.code() in SOUND:
        return None
    if error.code() not in UNREADABLE:
        raise KafkaException(error)
    return _Failure(position(message).offset, error.str())
