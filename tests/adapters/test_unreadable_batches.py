"""Batches that Kafka's client cannot read: each is passed over and told, and every good bar behind it is stored."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer, TopicPartition

from stock_ml.adapters.broker import Subscriber, decode_bar, encode_bar, ensure_topics, read_back
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.broker.stalls import Stalls
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from tests.adapters.raw_kafka import bomb, produce
from tests.adapters.test_bad_input import rejected
from tests.adapters.test_consumer import Fixed, bars_of, consuming, publish, rows, state, wait
from tests.adapters.test_consumer import s as s

HEADER = 61  # bytes of a batch before its records


@pytest.fixture
def one(s: Settings) -> Settings:
    """Settings with a topic of one partition."""
    own = s.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}", "kafka_partitions": 1})
    ensure_topics(own)
    return own


def send_bomb(s: Settings, _: list[Bar]) -> int:
    produce(s, s.kafka_topic, 0, bomb(1))
    return 1


def send_bomb_of_many(s: Settings, _: list[Bar]) -> int:
    produce(s, s.kafka_topic, 0, bomb(1000))
    return 1000


def damage_packed_bars(s: Settings, bars: list[Bar]) -> int:
    return damaged(s, bars, "gzip", b"\xff" * 8)


def damage_plain_bars(s: Settings, bars: list[Bar]) -> int:
    return damaged(s, bars, "none", b"\0")


def damaged(s: Settings, bars: list[Bar], codec: str, junk: bytes) -> int:
    """Publish bars as one batch, and write junk over its first bytes on the broker's disk."""
    log = segment(s)
    begin = log.stat().st_size
    producer = Producer(client_config(s) | {"compression.type": codec, "linger.ms": 500})
    for bar in bars:
        producer.produce(s.kafka_topic, key=bar.symbol.encode(), value=encode_bar(bar))
    assert producer.flush(30) == 0
    with log.open("r+b") as file:
        file.seek(begin + HEADER)
        file.write(junk)
    return len(bars)


def segment(s: Settings) -> Path:
    """Return the file in which the broker keeps the topic's only partition."""
    (log,) = s.home.rglob(f"{s.kafka_topic}-0/*.log")
    return log


@pytest.mark.parametrize("spoil", [send_bomb, send_bomb_of_many, damage_packed_bars, damage_plain_bars])
def test_the_consumer_goes_on_behind_it_and_tells_what_it_passed_over(
    one: Settings, spoil: Callable[[Settings, list[Bar]], int], caplog: pytest.LogCaptureFixture
) -> None:
    bars = bars_of(one, 60)
    publish(one, *map(encode_bar, bars[:20]))
    count = spoil(one, bars[20:25])
    publish(one, *map(encode_bar, bars[25:]))
    with consuming(one, Fixed()) as consumer:
        consumer.batches.subscriber._stalls = Stalls(longest=1.0)
        wait(lambda: {row.ts.timestamp() for row in rows(one, "bars")} >= {bars[0].ts, bars[-1].ts})
        wait(lambda: consumer.batches.health.waiting == {} and state(one).get("lag") == 0)
        figure = consumer.batches.meters.registry.get_sample_value
        assert figure("stockml_unreadable_batches_total") == 1
    ((headers, value),) = rejected(one)
    assert (headers["topic"], headers["partition"], headers["offset"]) == (one.kafka_topic, "0", "20")
    assert (headers["messages"], value) == (str(count), None)
    assert "Decompression" in headers["reason"] or "CRC32C" in headers["reason"]
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message.partition(" reason=")[0] for record in told] == [
        f"unreadable batch passed over topic={one.kafka_topic} partition=0 first=20 end={20 + count}"
    ]
    assert "were deleted before they were read" not in caplog.text
    stored = {row.ts.timestamp() for row in rows(one, "bars") if not row.filled}
    assert stored == {bar.ts for bar in bars[:20] + bars[25:]}


def test_one_at_the_end_of_its_partition_is_not_met_again_after_a_restart(one: Settings) -> None:
    publish(one, *map(encode_bar, bars_of(one, 20)))
    produce(one, one.kafka_topic, 0, bomb(10))
    for _ in range(2):
        with consuming(one, Fixed()) as consumer:
            wait(lambda: state(one).get("lag") == 0 and consumer.batches.health.waiting == {})
            wait(lambda: len(rejected(one)) == 1)
    publish(one, *map(encode_bar, bars_of(one, 30)[20:]))
    with consuming(one, Fixed()):
        wait(lambda: len(rows(one, "forecasts")) == 15)
    assert len(rejected(one)) == 1


@pytest.fixture
def subscriber(one: Settings) -> Iterator[Subscriber]:
    with closing(Subscriber.connect(one, f"{one.kafka_topic}-group", lambda _: None)) as subscriber:
        yield subscriber


def take(subscriber: Subscriber, until: Callable[[], bool]) -> list[Message]:
    taken: list[Message] = []
    deadline = monotonic() + 60
    while not until():
        assert monotonic() < deadline, "waited for a minute"
        taken += subscriber.poll(100, 0.2)
    return taken


def test_a_partition_that_stands_is_told_until_it_is_passed_over(one: Settings, subscriber: Subscriber) -> None:
    publish(one, *map(encode_bar, bars_of(one, 3)))
    produce(one, one.kafka_topic, 0, bomb(10))
    taken = take(subscriber, lambda: bool(subscriber.standing))
    assert [message.offset() for message in taken] == [0, 1, 2]
    assert subscriber.trouble == "partition 0 stands at offset 3: its next message does not come, see the logs"
    batch = subscriber.unreadable()
    assert batch is not None
    assert (batch.first, batch.end) == (3, 13)
    subscriber.pass_over(batch)
    assert (subscriber.standing, subscriber.trouble, subscriber.lag()) == ({}, None, 0)


def test_a_partition_that_stands_before_sound_messages_is_told_and_nothing_is_passed_over(
    one: Settings, subscriber: Subscriber
) -> None:
    subscriber._stalls = Stalls(longest=1.0)
    publish(one, *map(encode_bar, bars_of(one, 3)))
    while not subscriber.poll(1, 0.2):
        pass
    here = [TopicPartition(one.kafka_topic, 0)]
    subscriber._consumer.pause(here)
    assert take(subscriber, lambda: bool(subscriber.standing)) == []
    assert subscriber.unreadable() is None
    assert subscriber.trouble == "partition 0 stands at offset 1: its next message does not come, see the logs"
    subscriber._consumer.resume(here)
    assert [m.offset() for m in take(subscriber, lambda: subscriber.lag() == 0)] == [1, 2]
    assert subscriber.trouble is None


@pytest.mark.parametrize("spoil", [send_bomb_of_many, damage_packed_bars, damage_plain_bars])
@pytest.mark.parametrize("newest", [None, 3])
def test_a_topic_is_read_back_without_it(
    one: Settings,
    spoil: Callable[[Settings, list[Bar]], int],
    newest: int | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(import_module("stock_ml.adapters.broker.read_back"), "SILENCE", 5.0)
    bars = bars_of(one, 30)
    publish(one, *map(encode_bar, bars[:20]))
    count = spoil(one, bars[20:25])
    publish(one, *map(encode_bar, bars[25:27]))
    found = [decode_bar(value) for value in read_back(one, one.kafka_topic, newest)]
    assert found == (bars[:20] if newest is None else []) + bars[25:27]
    first = 20 if newest is None else 19 + count
    assert f"topic {one.kafka_topic}, partition 0: offsets {first} to {20 + count} cannot be read" in caplog.text


def test_one_at_the_end_of_the_topic_ends_the_reading_back(one: Settings) -> None:
    publish(one, *map(encode_bar, bars_of(one, 2)))
    produce(one, one.kafka_topic, 0, bomb(5))
    assert len(list(read_back(one, one.kafka_topic))) == 2
