"""The broker is away for a while: producer and consumer say so and wait; nothing is lost, out of order or twice."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from serving.consumer.main import Consumer
from serving.producer.publisher import Output
from stock_ml.adapters.broker import Topics, decode_bar, ensure_topics, read_back
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from tests.adapters.test_consumer import Fixed, consuming
from tests.adapters.test_producer import wait
from tests.servers import broker, settings_in, tables
from tests.unit.serving.streams import day

SYMBOLS = tuple(f"AWAY{number:02}" for number in range(30))


@pytest.fixture
def s(postgres: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a broker of one's own, that a test starts, and the tables."""
    ports = {name: getattr(settings_in(tmp_path), name) for name in Settings.model_fields if "kafka" in name}
    given = {"home": tmp_path, "source": "csv", "symbols": SYMBOLS, "window": 16, "feed_gap_minutes": 5}
    own = postgres.model_copy(update=ports | given)
    tables(own)
    yield own
    with psycopg.connect(own.postgres()) as connection:
        for table in ("bars", "forecasts"):
            connection.execute(f"delete from {table} where symbol like 'AWAY%'")  # noqa: S608 - names of this file


def test_producer_and_consumer_wait_for_a_broker_that_is_away_and_go_on_where_they_were(s: Settings) -> None:
    bars = [bar._replace(symbol=symbol, source="csv") for bar in day() for symbol in SYMBOLS]
    with broker(s) as process:
        ensure_topics(s)
        output = Output(s)
        with consuming(s, Fixed()) as consumer:
            output.publish(bars[:600])
            wait(lambda: stored(s) == (600, 150))
            wait(lambda: committed(consumer) == 600)  # a commit that meets the dead broker waits for its timeout
            process.kill()
            process.wait()
            rest = Thread(target=output.publish, args=(bars[600:],), daemon=True)
            rest.start()
            wait(lambda: "messages" in output.health.waiting.get("kafka", ""))
            wait(lambda: "does not answer" in consumer.batches.health.waiting.get("kafka", ""))
            assert output.health.alive
            wait(lambda: "Kafka takes no messages" in str(said(s).get("waiting")))
            with broker(s):
                rest.join(180)
                wait(lambda: stored(s) == (len(bars), len(SYMBOLS) * (390 - 16)), 180)  # the group forms anew
                wait(lambda: consumer.batches.health.waiting == {})
                output.report(None, None)
                assert output.health.waiting == {}
                found = [decode_bar(value) for value in read_back(s, Topics.of(s).bars)]
                output.close()
    for symbol in SYMBOLS:
        assert of(symbol, found) == of(symbol, bars)


def committed(consumer: Consumer) -> float | None:
    """Return how many messages are done with."""
    return consumer.batches.meters.registry.get_sample_value("stockml_messages_total")


def said(s: Settings) -> dict[str, Any]:
    store = ForecastStore.connect(s)  # the producer's own is used by its thread
    told = store.read_state("producer")
    store.close()
    return told[0] if told else {}


def stored(s: Settings) -> tuple[int, int]:
    with psycopg.connect(s.postgres()) as connection:
        return tuple(
            (connection.execute(f"select count(*) from {table} where symbol like 'AWAY%'").fetchone() or (0,))[0]  # noqa: S608
            for table in ("bars", "forecasts")
        )


def of(symbol: str, bars: list[Bar]) -> list[Bar]:
    return [bar for bar in bars if bar.symbol == symbol]
