"""Read back what a topic holds, outside any group."""

from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

SECONDS = 15


def read_back(s: Settings, topic: str, newest: int | None = None) -> Iterator[bytes]:
    """Yield the values on a topic as it is now, in order within a partition; only the `newest` of each if given.

    Raises BrokerUnavailable where Kafka does not answer or lacks the topic.
    """
    config = {"group.id": "read-back", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(client_config(s) | config | {"auto.offset.reset": "earliest"})
    try:
        yield from _values(consumer, _starts(consumer, topic, newest))
    except KafkaException as error:
        raise BrokerUnavailable(f"topic {topic} on Kafka at {s.kafka} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _starts(consumer: Consumer, topic: str, newest: int | None) -> list[TopicPartition]:
    described = consumer.list_topics(topic, timeout=SECONDS).topics[topic]
    if described.error is not None:
        raise KafkaException(described.error)
    starts = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in described.partitions]
    if newest is not None:
        for at in starts:
            low, high = consumer.get_watermark_offsets(at, timeout=SECONDS)
            at.offset = max(low, high - newest)
    return starts


def _values(consumer: Consumer, starts: list[TopicPartition]) -> Iterator[bytes]:
    consumer.assign(starts)
    unfinished = {at.partition for at in starts}
    while unfinished:
        first = consumer.poll(SECONDS)
        if first is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        for message in (first, *consumer.consume(10_000, 0)):
            if message.error() is None:
                yield message.value()
            elif message.error().code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.partition())
            else:
                raise KafkaException(message.error())
