"""Where a consumer group goes on."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from stock_ml.adapters.broker.client import client_config, close
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

SECONDS = 15
STARTING = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)  # what a broker says of groups while it has only begun to run; librdkafka does not call them retriable


def _is_starting(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in STARTING


UNTIL_COORDINATED = Retrying(
    stop=stop_after_attempt(2 * SECONDS + 1), wait=wait_fixed(0.5), retry=retry_if_exception(_is_starting), reraise=True
)


def consumer_group(s: Settings) -> str:
    """Return the group in which the consumers of this installation read the bars."""
    return f"{s.kafka_topic}-consumer"


def rewind(s: Settings, topic: str, group: str, since: float) -> int:
    """Let a group without members go on from the first messages of a time on; return how many will come again.

    `since` is in UTC epoch seconds. A partition of which the group has read less stays where it is.
    Raises BrokerUnavailable where Kafka does not answer or refuses, as while a member is there.
    """
    reader = Consumer(client_config(s) | {"group.id": group})
    try:
        before = UNTIL_COORDINATED(reader.committed, _partitions(reader, topic), SECONDS)
        back = [_earlier(reader, at, since) for at in before if at.offset >= 0]
        UNTIL_COORDINATED(_commit, s, group, back)
        return sum(max(at.offset, 0) for at in before) - sum(at.offset for at in back)
    except KafkaException as error:
        raise BrokerUnavailable(f"Kafka at {s.kafka} did not rewind {group}: {error.args[0].str()}") from error
    finally:
        close(reader)


def _partitions(reader: Consumer, topic: str) -> list[TopicPartition]:
    known = reader.list_topics(topic, timeout=SECONDS).topics[topic]
    return [TopicPartition(topic, number) for number in known.partitions]


def _earlier(reader: Consumer, committed: TopicPartition, since: float) -> TopicPartition:
    wanted = TopicPartition(committed.topic, committed.partition, int(since * 1000))
    (found,) = reader.offsets_for_times([wanted], SECONDS)
    offset = committed.offset if found.offset < 0 else min(found.offset, committed.offset)
    return TopicPartition(committed.topic, committed.partition, offset)


def _commit(s: Settings, group: str, offsets: list[TopicPartition]) -> None:
    if not offsets:
        return
    admin = AdminClient(client_config(s) | {"socket.timeout.ms": SECONDS * 1000})  # held until the answer is there
    asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)], request_timeout=SECONDS)
    for answer in asked.values():
        for at in answer.result().topic_partitions:
            if at.error:
                raise KafkaException(at.error)
