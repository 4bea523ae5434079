"""Whether the consumer's offsets move while messages wait."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from local.watchdog.probes import TIMEOUT, NotKnown
from stock_ml.adapters.broker import Topics, consumer_group
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings


class Place(NamedTuple):
    """Hold how far a group has read a partition, 0 for not at all, and where the partition ends."""

    committed: int
    end: int


def standing(before: Mapping[int, Place], now: Mapping[int, Place]) -> list[int]:
    """Return the partitions in which messages wait, and of which nothing was read since the last look."""
    waiting = {number: place for number, place in now.items() if place.committed < place.end}
    known = {number: before[number] for number in waiting if number in before}
    return sorted(number for number, place in known.items() if place.committed == waiting[number].committed)


def consumer_offsets(s: Settings) -> Callable[[], str | None]:
    """Return a probe that compares the offsets of the consumer's group with those of its last run."""
    topic, group = Topics.of(s).bars, consumer_group(s)
    reader = Consumer(client_config(s) | {"group.id": group, "log_level": 0})  # it never subscribes: no member
    last: dict[int, Place] = {}

    def probe() -> str | None:
        try:
            now = _places(reader, topic)
        except KafkaException as error:
            raise NotKnown from error
        stand = standing(last, now)
        last.clear()
        last.update(now)
        waiting = sum(now[number].end - now[number].committed for number in stand)
        where = ", ".join(map(str, stand))
        return f"{waiting} messages wait, and its offset in partition {where} stands still" if stand else None

    return probe


def _places(reader: Consumer, topic: str) -> dict[int, Place]:
    known = reader.list_topics(topic, timeout=TIMEOUT).topics[topic]
    partitions = [TopicPartition(topic, number) for number in known.partitions]
    return {at.partition: Place(max(at.offset, 0), _end(reader, at)) for at in reader.committed(partitions, TIMEOUT)}


def _end(reader: Consumer, at: TopicPartition) -> int:
    low, high = reader.get_watermark_offsets(at, TIMEOUT)
    return 0 if low == high else int(high)  # an empty partition has nothing to read
