"""The consumer on a real broker and a real database; only the model is given by hand."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from subprocess import DEVNULL, Popen
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from psycopg.rows import namedtuple_row

from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from serving.consumer.main import Consumer
from serving.consumer.predict import Models, Serving
from stock_ml.adapters.broker import Topics, encode_bar, ensure_topics, read_back
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.errors import BrokerUnavailable
from tests.servers import tables
from tests.unit.serving.streams import SERVING, Stream, day


@dataclass
class Fixed:
    serving: Serving | None = SERVING
    is_known: bool = True
    fault: str | None = None
    challenger: Serving | None = None

    @property
    def models(self) -> Models:
        return Models(self.serving, self.challenger)


@pytest.fixture
def s(kafka: Settings, postgres: Settings) -> Settings:
    """Settings of a csv installation (its clock is the bars' own) with a topic and a symbol of its own."""
    symbol, topic = f"T{uuid4().hex[:8].upper()}", f"t{uuid4().hex[:8]}"
    given = {"source": "csv", "symbols": (symbol,), "kafka_topic": topic, "window": 16, "feed_gap_minutes": 5}
    own = kafka.model_copy(update=given)
    tables(own)
    ensure_topics(own)
    return own


def rows(s: Settings, relation: str) -> list[Any]:
    with psycopg.connect(s.postgres(), row_factory=namedtuple_row) as connection:
        statement = f"select * from {relation} where symbol = %s order by 2"  # noqa: S608 - names of this file
        return connection.execute(statement, [s.symbols[0]]).fetchall()


def state(s: Settings) -> dict[str, Any]:
    store = ForecastStore.connect(s)
    told = store.read_state("consumer")
    store.close()
    return told[0] if told else {}


def bars_of(s: Settings, count: int, without: tuple[int, ...] = ()) -> list[Bar]:
    return [bar._replace(symbol=s.symbols[0], source="csv") for bar in day(without=without)[:count]]


def publish(s: Settings, *values: bytes) -> None:
    producer = Producer(client_config(s) | {"enable.idempotence": True})  # in order, whatever is retried
    for value in values:
        producer.produce(s.kafka_topic, key=s.symbols[0].encode(), value=value)
    assert producer.flush(30) == 0


@contextmanager
def consuming(s: Settings, champion: Fixed) -> Iterator[Consumer]:
    stopping = Event()
    consumer = Consumer.connect(s, champion, stopping)
    thread = Thread(target=consumer.run)
    thread.start()
    try:
        yield consumer
    finally:
        stopping.set()
        began = monotonic()
        thread.join(30)
    assert monotonic() - began < 5


def wait(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline, "waited for a minute"
        Event().wait(0.05)


def test_bars_become_stored_bars_and_forecasts(s: Settings) -> None:
    bars = bars_of(s, 60, without=(30, 31))
    publish(s, *map(encode_bar, bars))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "bars")) == 62)
    expected = Stream().send(*day(without=(30, 31))[:60]).forecasts.values()
    made = [(row.bar_ts.timestamp(), row.predicted_close, row.upper_99, row.late) for row in rows(s, "forecasts")]
    assert made == [(one.bar_ts, one.predicted_close, one.upper_99, False) for one in expected]
    assert [row.filled for row in rows(s, "bars")].count(True) == 2


def test_an_unreadable_message_is_put_aside_and_the_rest_is_stored(s: Settings) -> None:
    bars = bars_of(s, 20)
    publish(s, encode_bar(bars[0]), b"\xff not json", *map(encode_bar, bars[1:]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "bars")) == 20)
        wait(lambda: list(read_back(s, Topics.of(s).rejected)) == [b"\xff not json"])


def test_the_model_is_swapped_between_two_batches_without_a_restart(s: Settings) -> None:
    bars, champion = bars_of(s, 40), Fixed(None, fault="waiting for a champion")
    publish(s, *map(encode_bar, bars[:20]))
    with consuming(s, champion):
        wait(lambda: len(rows(s, "bars")) == 20)
        champion.serving = SERVING
        publish(s, *map(encode_bar, bars[20:30]))
        wait(lambda: len(rows(s, "forecasts")) == 10)
        champion.serving = SERVING._replace(version="8")
        publish(s, *map(encode_bar, bars[30:]))
        wait(lambda: len(rows(s, "forecasts")) == 20)
    assert [row.model_version for row in rows(s, "forecasts")] == ["7"] * 10 + ["8"] * 10


def test_a_challenger_is_scored_in_the_shadow_and_may_come_and_go(s: Settings) -> None:
    bars, champion = bars_of(s, 40), Fixed()
    publish(s, *map(encode_bar, bars[:20]))
    with consuming(s, champion):
        wait(lambda: len(rows(s, "forecasts")) == 5)
        champion.challenger = SERVING._replace(version="8")
        publish(s, *map(encode_bar, bars[20:30]))
        wait(lambda: len(rows(s, "forecasts")) == 15)
        champion.challenger = None
        publish(s, *map(encode_bar, bars[30:]))
        wait(lambda: len(rows(s, "forecasts")) == 25)
    shadows = rows(s, "shadow_forecasts")
    assert {row.model_version for row in shadows} == {"8"}
    assert [row.bar_ts.timestamp() for row in shadows] == [bar.ts for bar in bars[20:30]]


def test_nothing_is_taken_before_it_is_known_whether_there_is_a_champion(s: Settings) -> None:
    champion = Fixed(None, is_known=False, fault="waiting for MLflow")
    publish(s, *map(encode_bar, bars_of(s, 20)))
    with consuming(s, champion):
        wait(lambda: state(s).get("waiting") == "waiting for MLflow")
        assert rows(s, "bars") == []
        champion.serving, champion.is_known, champion.fault = SERVING, True, None
        wait(lambda: len(rows(s, "forecasts")) == 5)


def test_killed_between_store_and_commit_the_bars_come_again_and_change_nothing(
    s: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(s, *map(encode_bar, bars_of(s, 30)))
    with consuming(s, Fixed()) as consumer:

        def killed(_: object) -> None:
            raise BrokerUnavailable("killed before the commit")

        monkeypatch.setattr(consumer.batches.subscriber, "commit", killed)
        wait(lambda: len(rows(s, "forecasts")) == 15)
    before = rows(s, "bars"), rows(s, "forecasts")
    publish(s, *map(encode_bar, bars_of(s, 31)[30:]))
    with consuming(s, Fixed(SERVING._replace(version="8"))):
        wait(lambda: len(rows(s, "forecasts")) == 16)
    assert (rows(s, "bars")[:-1], rows(s, "forecasts")[:-1]) == before


def test_after_a_restart_it_goes_on_where_it_stopped(s: Settings) -> None:
    bars = bars_of(s, 40)
    publish(s, *map(encode_bar, bars[:30]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 15)
    publish(s, *map(encode_bar, bars[30:]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 25)


def test_a_database_that_breaks_off_is_waited_for_and_nothing_is_lost(s: Settings) -> None:
    bars = bars_of(s, 40)
    publish(s, *map(encode_bar, bars[:20]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "bars")) == 20)
        with psycopg.connect(s.postgres(), autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stockml store'"
            )
        publish(s, *map(encode_bar, bars[20:]))
        wait(lambda: len(rows(s, "forecasts")) == 25)


@contextmanager
def alone(s: Settings) -> Iterator[Popen[bytes]]:
    """Run a consumer as a process of its own until the block ends, if it was not killed before."""
    argv = [PYTHON, "-m", "tests.adapters.consumer_alone"]
    with Popen(argv, cwd=ROOT, env=os.environ | environment(s), stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def members(s: Settings) -> int:
    """Return how many consumers are in the group."""
    group = f"{s.kafka_topic}-consumer"
    admin = AdminClient(client_config(s))
    return len(admin.describe_consumer_groups([group])[group].result().members)


def test_when_a_consumer_is_killed_another_one_takes_its_partition_over_and_every_bar_is_forecast_once(
    s: Settings,
) -> None:
    given = {"kafka_topic": f"t{uuid4().hex[:8]}", "kafka_partitions": 1, "csv_path": Path("no-such.csv")}
    own = s.model_copy(update=given)
    ensure_topics(own)
    bars = list(map(encode_bar, bars_of(own, 200)))
    publish(own, *bars[:60])
    with alone(own) as first:
        wait(lambda: len(rows(own, "forecasts")) == 45)
        with consuming(own, Fixed(SERVING._replace(version="8"))):
            wait(lambda: members(own) == 2)
            publish(own, *bars[60:100])
            wait(lambda: len(rows(own, "forecasts")) == 85)
            assert {row.model_version for row in rows(own, "forecasts")} == {"7"}  # the first one owns the partition
            publish(own, *bars[100:150])
            first.send_signal(SIGKILL)
            publish(own, *bars[150:])
            wait(lambda: len(rows(own, "forecasts")) == 185)
    expected = Stream().send(*day()[:200]).forecasts.values()
    made = [(row.bar_ts.timestamp(), row.predicted_close) for row in rows(own, "forecasts")]
    assert made == [(one.bar_ts, one.predicted_close) for one in expected]
    versions = [row.model_version for row in rows(own, "forecasts")]
    assert versions == sorted(versions)
    assert set(versions[:85]) == {"7"}
    assert set(versions[135:]) == {"8"}


def test_another_consumer_knows_what_the_first_one_stored(s: Settings) -> None:
    bars = bars_of(s, 40)
    publish(s, *map(encode_bar, bars[:30]))
    with consuming(s, Fixed()):
        wait(lambda: len(rows(s, "forecasts")) == 15)
        with consuming(s, Fixed()):
            publish(s, *map(encode_bar, bars[30:35]))
            wait(lambda: len(rows(s, "forecasts")) == 20)
        publish(s, *map(encode_bar, bars[35:]))
        wait(lambda: len(rows(s, "forecasts")) == 25)


def test_what_several_consumers_lag_behind_is_told_of_all_together(s: Settings) -> None:
    with consuming(s, Fixed()), consuming(s, Fixed(None, is_known=False, fault="waiting for MLflow")):
        wait(lambda: len(state(s).get("members", {})) == 2 and members(s) == 2)
        wait(lambda: state(s).get("waiting") == "waiting for MLflow")
        assert all(word["lag"] == 0 for word in state(s)["members"].values())
