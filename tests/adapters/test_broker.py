from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from local.secrets import ensure_secrets
from local.servers import kafka as kafka_program
from stock_ml.adapters.broker import (
    ClosedSession,
    Publisher,
    Subscriber,
    Topics,
    decode_bar,
    decode_session,
    empty_topics,
    ensure_topics,
    read_back,
)
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.client_events import Brokers
from stock_ml.adapters.broker.retention_loss import Unread
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.errors import BrokerFatal, BrokerRefused, BrokerUnavailable

T = 1_709_303_400


@pytest.fixture
def s(kafka: Settings) -> Settings:
    """Settings with topics of their own, which exist."""
    own = kafka.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}"})
    ensure_topics(own)
    return own


@pytest.fixture
def subscribed(s: Settings) -> Iterator[Callable[[], Subscriber]]:
    opened: list[Subscriber] = []

    def subscribe() -> Subscriber:
        opened.append(Subscriber.connect(s, f"{s.kafka_topic}-group", lambda _: None))
        return opened[-1]

    yield subscribe
    for subscriber in opened:
        subscriber.close()


def bar(symbol: str, minute: int) -> Bar:
    return Bar(symbol, T + 60 * minute, 100.0, 101.0, 99.0, 100.5, 10.0, "sandbox")


def publish(s: Settings, *bars: Bar) -> None:
    publisher = Publisher.connect(s)
    for one in bars:
        publisher.bar(one)
    assert publisher.flush(30) == 0


def take(subscriber: Subscriber, count: int) -> list[Message]:
    taken: list[Message] = []
    deadline = monotonic() + 60
    while len(taken) < count and monotonic() < deadline:
        taken += subscriber.poll(100, 0.2)
    return taken


def test_topics_are_made_once_and_asked_for_twice(s: Settings) -> None:
    ensure_topics(s)
    assert [list(read_back(s, topic)) for topic in Topics.of(s)] == [[], [], [], [], []]


def test_a_topic_keeps_its_bars_as_long_as_the_settings_say_and_the_announcements_for_ever(kafka: Settings) -> None:
    own = kafka.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}", "kafka_retention_days": 3})
    ensure_topics(own)
    topics = Topics.of(own)
    assert [retention(own, topic) for topic in topics] == ["259200000", "259200000", "-1", "-1", "259200000"]


def retention(s: Settings, topic: str) -> str:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient(client_config(s))
    described = admin.describe_configs([resource])[resource].result()
    return str(described["retention.ms"].value)


def limit(s: Settings, size: int) -> None:
    """Let the topic of bars take messages up to a size in bytes."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, s.kafka_topic, incremental_configs=[entry])
    admin = AdminClient(client_config(s))
    admin.incremental_alter_configs([resource])[resource].result()


def test_after_a_bar_that_kafka_refuses_none_is_sent_and_a_new_start_sends_them_all_in_order(s: Settings) -> None:
    publish(s, bar("AAPL", 0))
    publisher = Publisher.connect(s)
    limit(s, 50)
    with pytest.raises(BrokerRefused, match="Kafka refused a message for good"):  # noqa: PT012 - whenever it is heard
        for minute in range(1, 1000):
            publisher.bar(bar("AAPL", minute))
            publisher.flush(0.1)
    limit(s, 1_000_000)
    with pytest.raises(BrokerRefused):
        publisher.bar(bar("AAPL", 2))
    assert [decode_bar(value).ts for value in read_back(s, s.kafka_topic)] == [T]
    publish(s, bar("AAPL", 1), bar("AAPL", 2))
    assert [decode_bar(value).ts for value in read_back(s, s.kafka_topic)] == [T, T + 60, T + 120]


def test_bars_come_in_order_of_their_symbol(s: Settings, subscribed: Callable[[], Subscriber]) -> None:
    publish(s, *(bar(symbol, minute) for minute in range(5) for symbol in ("AAPL", "MSFT")))
    taken = [decode_bar(message.value()) for message in take(subscribed(), 10)]
    assert [b.ts for b in taken if b.symbol == "AAPL"] == [T + 60 * minute for minute in range(5)]
    assert len(taken) == 10


def test_what_is_committed_does_not_come_again_and_what_is_not_does(
    s: Settings, subscribed: Callable[[], Subscriber]
) -> None:
    publish(s, *(bar("AAPL", minute) for minute in range(4)))
    first = subscribed()
    first.commit(take(first, 4)[:3])
    first.close()
    assert [decode_bar(message.value()).ts for message in take(subscribed(), 1)] == [T + 180]


def test_the_lag_is_what_waits_to_be_read(s: Settings, subscribed: Callable[[], Subscriber]) -> None:
    publish(s, *(bar("AAPL", minute) for minute in range(4)))
    subscriber = subscribed()
    taken: list[Message] = []
    while not taken:
        taken = subscriber.poll(1, 0.2)
    assert subscriber.lag() == 3


def test_an_unreadable_message_is_kept_byte_for_byte_with_its_place(
    s: Settings, subscribed: Callable[[], Subscriber]
) -> None:
    publisher = Publisher.connect(s)
    value = b"\xff" * 900_000
    publisher._producer.produce(s.kafka_topic, key=b"AAPL", value=value)
    message = take(subscribed(), 1)[0]
    publisher.rejected(message, "not JSON")
    assert publisher.flush(30) == 0
    assert list(read_back(s, Topics.of(s).rejected)) == [value]


def test_a_topic_is_read_back_whole_or_its_newest_messages(s: Settings) -> None:
    publish(s, *(bar("AAPL", minute) for minute in range(10)))
    whole = [decode_bar(value).ts for value in read_back(s, Topics.of(s).bars)]
    newest = [decode_bar(value).ts for value in read_back(s, Topics.of(s).bars, 3)]
    assert whole == [T + 60 * minute for minute in range(10)]
    assert newest == whole[-3:]


def test_a_closed_session_is_announced(s: Settings) -> None:
    publisher = Publisher.connect(s)
    closed = ClosedSession("XNYS", "2024-03-01", 1_709_326_800)
    publisher.session(closed)
    assert publisher.flush(30) == 0
    assert [decode_session(value) for value in read_back(s, Topics.of(s).sessions)] == [closed]


def test_a_missing_topic_is_named(kafka: Settings) -> None:
    with pytest.raises(BrokerUnavailable, match="topic no-such on Kafka at"):
        list(read_back(kafka, "no-such"))


def test_a_client_that_gave_up_for_good_is_an_error_that_ends_the_process(s: Settings) -> None:
    config = client_config(s) | {"group.id": s.kafka_topic, "group.protocol": "consumer"}
    members = [Consumer(config | {"group.instance.id": "the same"}) for _ in range(2)]  # only one may be
    first, second = (Subscriber(s, member, Brokers(s.kafka), Unread()) for member in members)
    members[0].subscribe([s.kafka_topic])
    while not members[0].assignment():
        first.poll(1, 0.2)
    members[1].subscribe([s.kafka_topic])
    with pytest.raises(BrokerFatal, match=r"Kafka's client gave up: Fatal error: .*instance ID is still used"):  # noqa: PT012
        while True:
            second.poll(1, 0.2)
    assert (first.close(), second.close()) == (True, True)


def test_emptied_topics_hold_nothing_and_offsets_go_on(s: Settings, subscribed: Callable[[], Subscriber]) -> None:
    publish(s, *(bar("GOOGL", i) for i in range(3)))
    subscriber = subscribed()
    subscriber.commit(take(subscriber, 3))
    empty_topics(s)
    assert list(read_back(s, Topics.of(s).bars)) == []
    publish(s, bar("GOOGL", 3))
    assert [decode_bar(message.value()).ts for message in take(subscriber, 1)] == [bar("GOOGL", 3).ts]
    empty_topics(s)
    empty_topics(s)


def test_a_cluster_id_that_begins_with_a_dash_is_no_option(kafka: Settings, tmp_path: Path) -> None:
    new = kafka.model_copy(update={"home": tmp_path})
    kafka_program.program(new, ensure_secrets(new) | {"KAFKA_CLUSTER_ID": f"-{'A' * 21}"}).prepare()
    assert f"cluster.id=-{'A' * 21}" in (new.state / "kafka" / "meta.properties").read_text()
