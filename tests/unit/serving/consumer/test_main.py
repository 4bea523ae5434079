"""The consumer's turns, with memory in the place of Kafka and PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import pytest

from serving.common.heartbeat import StateWriter, Throttle
from serving.consumer.batch import Batches
from serving.consumer.main import Consumer
from serving.consumer.model_watcher import NONE_YET
from serving.consumer.predict import Models
from serving.consumer.state import ConsumerState
from stock_ml.adapters.broker import UnreadableBatch, encode_bar
from stock_ml.adapters.postgres.store import STORED_BARS, STORED_FORECASTS, BarRow, ForecastRow, Forecasts, Stored
from stock_ml.domain.bars import Bar
from stock_ml.domain.clock import EventClock
from stock_ml.errors import BrokerRefused, BrokerUnavailable
from tests.unit.serving.streams import CONFIG, SERVING, bar_rows, day, forecast_rows, minute

BARS = day()[:60]
NONE = Models()


@dataclass
class Message:
    body: bytes

    def value(self) -> bytes:
        return self.body

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0

    def topic(self) -> str:
        return "stockml"

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000_000


@dataclass
class Topic:
    waiting: list[Message] = field(default_factory=list)
    committed: int = 0
    trouble: str | None = None

    def send(self, *bars: Bar) -> None:
        self.waiting += [Message(encode_bar(bar)) for bar in bars]

    standing: dict[int, int] = field(default_factory=dict)
    found: list[UnreadableBatch | BrokerUnavailable] = field(default_factory=list)  # at the looks that follow
    order: list[str] = field(default_factory=list)

    def unreadable(self) -> UnreadableBatch | None:
        found = self.found.pop(0) if self.found else None
        if isinstance(found, BrokerUnavailable):
            raise found
        return found

    def pass_over(self, _: UnreadableBatch) -> None:
        self.order.append("passed over")
        self.standing, self.trouble = {}, None

    def poll(self, count: int, _: float) -> list[Message]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def commit(self, messages: list[Message]) -> None:
        self.order.append("committed")
        self.committed += len(messages)

    def lag(self) -> int:
        return len(self.waiting)


@dataclass
class Rejected:
    """Stand for a publisher, and note in which order things happen."""

    order: list[str]

    def unreadable(self, _: UnreadableBatch) -> None:
        self.order.append("put aside")

    def flush(self, _: float) -> int:
        return 0


class Refusing:
    """Stand for a publisher whose broker refuses for good."""

    def rejected(self, message: Message, reason: str) -> None:
        raise BrokerRefused("no")

    def flush(self, _: float) -> int:
        return 0


@dataclass
class Store:
    bars: list[BarRow] = field(default_factory=list)
    forecasts: list[ForecastRow] = field(default_factory=list)
    report: Mapping[str, Any] = field(default_factory=dict)

    def newest(self, _: object, __: int) -> np.ndarray:
        return np.empty(0, STORED_BARS)

    def newest_forecasts(self, _: object, __: int) -> np.ndarray:
        return np.empty(0, STORED_FORECASTS)

    def begin(self, insert: np.ndarray, *_: np.ndarray) -> np.ndarray:
        return insert

    def finish(self, writing: np.ndarray, insert: Forecasts, _: Forecasts) -> Stored:
        self.bars += bar_rows(writing)
        self.forecasts += forecast_rows(insert.champion)
        return Stored(len(self.bars), len(self.forecasts))

    def write_state(self, _: str, state: Mapping[str, Any]) -> None:
        self.report = state


@dataclass
class Champion:
    models: Models = NONE
    is_known: bool = True
    fault: str | None = NONE_YET


@dataclass
class World:
    champion: Champion = field(default_factory=Champion)
    topic: Topic = field(default_factory=Topic)
    store: Store = field(default_factory=Store)
    now: float = 1000.0

    def consumer(self) -> Consumer:
        state = ConsumerState(self.store, CONFIG)
        batches = Batches(self.topic, Refusing(), self.store, state, CONFIG, EventClock(), Event())
        heartbeat = StateWriter(partial(self.store.write_state, "consumer"))
        return Consumer(self.champion, batches, self.store, heartbeat, Throttle(lambda: self.now))


def test_without_a_champion_it_says_so_once_a_minute_keeps_bars_and_forecasts_from_the_moment_there_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    consumer = world.consumer()
    for bar in BARS[:40]:  # five seconds a turn: 0 s to 195 s
        world.topic.send(bar)
        consumer.turn()
        world.now += 5
    warnings = [record.message for record in caplog.records if NONE_YET in record.message]
    assert warnings == [f'champion fault="{NONE_YET}"'] * 4
    assert (len(world.store.bars), world.store.forecasts, world.topic.committed) == (40, [], 40)
    assert world.store.report["waiting"] == NONE_YET
    world.champion.models, world.champion.fault = Models(SERVING), None
    for bar in BARS[40:]:
        world.topic.send(bar)
        consumer.turn()
        world.now += 5
    assert [made.bar_ts for made in world.store.forecasts] == [minute(i) for i in range(40, 60)]
    assert len([record for record in caplog.records if NONE_YET in record.message]) == 4


def test_a_refusal_of_what_cannot_be_read_ends_it_with_nothing_committed() -> None:
    world = World()
    world.topic.waiting = [Message(b"\xff")]
    with pytest.raises(BrokerRefused):
        world.consumer().turn()
    assert world.topic.committed == 0


def test_an_unreadable_batch_is_passed_over_after_what_is_before_it_is_done_and_it_is_put_aside() -> None:
    world, batch = World(), UnreadableBatch("stockml", 0, 3, 13, "damaged")
    consumer = world.consumer()
    consumer.batches.publisher = Rejected(world.topic.order)
    world.topic.send(*BARS[:3])
    world.topic.standing, world.topic.trouble, world.topic.found = {0: 3}, "partition 0 stands", [batch]
    consumer.turn()
    assert world.topic.order == ["committed", "put aside", "passed over"]
    assert "kafka" not in consumer.batches.health.waiting
    assert consumer.batches.meters.registry.get_sample_value("stockml_unreadable_batches_total") == 1


def test_while_a_partition_is_stuck_the_loop_turns_and_the_consumer_is_not_ready() -> None:
    world = World()
    consumer = world.consumer()
    world.topic.standing, world.topic.trouble = {0: 3}, "partition 0 stands"
    world.topic.found = [BrokerUnavailable("Kafka does not show offset 3")] * 2
    for bar in BARS[:3]:
        world.topic.send(bar)
        consumer.turn()
        assert consumer.batches.health.waiting["kafka"] == "partition 0 stands"
    assert len(world.store.bars) == 3
    assert world.store.report["waiting"] == NONE_YET
