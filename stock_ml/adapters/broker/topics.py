"""The topics of an installation."""

import logging
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.client_events import Login
from stock_ml.config import Settings
from stock_ml.errors import BrokerUnavailable

LARGEST_REJECTED = 2_000_000  # bytes: whatever a broker with its usual limit of 1 MB let in must fit here
LIMITS = {"message.max.bytes": LARGEST_REJECTED}
SECONDS = 15
log = logging.getLogger(__name__)
DAY = 86_400_000  # milliseconds
FOR_EVER = {"retention.ms": "-1"}  # a message a session: what was announced stays known


class Topics(NamedTuple):
    """Name the topics."""

    bars: str
    rejected: str
    sessions: str
    alerts: str
    airflow: str

    @classmethod
    def of(cls, s: Settings) -> "Topics":
        """Return the names of this installation's topics."""
        name = s.kafka_topic
        return cls(name, f"{name}.rejected", f"{name}.sessions", f"{name}.alerts", f"{name}.airflow")


def ensure_topics(s: Settings) -> None:
    """Create the topics that are missing; those that exist stay as they are, and a different one is logged.

    Raises BrokerUnavailable where Kafka does not answer or refuses.
    """
    topics, kept = Topics.of(s), {"retention.ms": str(s.kafka_retention_days * DAY)}
    wanted = [
        NewTopic(topics.bars, s.kafka_partitions, config=kept),
        NewTopic(topics.rejected, 1, config=kept | {"max.message.bytes": str(LARGEST_REJECTED)}),
        NewTopic(topics.sessions, 1, config=FOR_EVER),
        NewTopic(topics.alerts, 1, config=FOR_EVER),
        NewTopic(topics.airflow, 1, config=kept),
    ]
    login = Login()
    admin = _admin(s, login)  # held until the answers are there: they end with it
    for name, created in admin.create_topics(wanted, operation_timeout=SECONDS, request_timeout=SECONDS).items():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise login.failure(admin, f"Kafka at {s.kafka} did not make topic {name}", error) from error
    _compare(s, admin, topics.bars)


def _compare(s: Settings, admin: AdminClient, topic: str) -> None:
    try:
        there = len(admin.list_topics(topic, timeout=SECONDS).topics[topic].partitions)
    except KafkaException as error:
        raise BrokerUnavailable(f"Kafka at {s.kafka} does not tell of topic {topic}: {error.args[0].str()}") from error
    if there not in (0, s.kafka_partitions):  # a topic made just now has none yet
        log.warning("topic %s stays with %d partitions, STOCKML_KAFKA_PARTITIONS=%d", topic, there, s.kafka_partitions)


def list_topics(s: Settings) -> dict[str, int]:
    """Return how many partitions each topic has. Raises BrokerUnavailable where Kafka does not answer."""
    login = Login()
    admin = _admin(s, login)
    try:
        known = admin.list_topics(timeout=SECONDS / 3).topics
    except KafkaException as error:
        raise login.failure(admin, f"Kafka at {s.kafka} does not answer", error) from error
    return {name: len(topic.partitions) for name, topic in known.items()}


def empty_topics(s: Settings) -> None:
    """Delete every bar and every closed session on the topics; the offsets continue.

    Raises BrokerUnavailable where Kafka does not answer or refuses.
    """
    login, topics = Login(), Topics.of(s)
    admin = _admin(s, login)
    try:
        known = admin.list_topics(timeout=SECONDS).topics
        names = {topics.bars, topics.sessions} & known.keys()
        ends = [TopicPartition(name, at, OFFSET_END) for name in names for at in known[name].partitions]
        for emptied in admin.delete_records(ends, request_timeout=SECONDS).values():
            emptied.result()
    except KafkaException as error:
        raise login.failure(admin, f"Kafka at {s.kafka} did not empty {topics.bars}", error) from error


def _admin(s: Settings, login: Login) -> AdminClient:
    config: dict[str, Any] = {"socket.timeout.ms": SECONDS * 1000, "error_cb": login}
    return AdminClient(client_config(s) | config)
