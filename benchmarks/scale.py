"""1, 2 and 4 consumers of a group on 4 partitions: what they take together, and the database's share of their time."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from benchmarks._live import market, publish, running_process, stage
from stock_ml.adapters.broker import Publisher, ensure_topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings

SYMBOLS, MINUTES, CONSUMERS = 400, 1_000, (1, 2, 4)


@dataclass
class Measured:
    """Hold what some consumers took in a second together, and the share of their time that the database had."""

    bars_per_s: float
    database: float


def run(console: Console) -> dict[str, float]:
    """Measure each number of consumers on a topic of its own with the same bars, and return the figures."""
    symbols = tuple(f"S{i:03}" for i in range(SYMBOLS))
    with stage(symbols, kafka_partitions=4) as s:
        found = {count: _measure(s, count) for count in CONSUMERS}
    table = Table("consumers", "bars/s", "database's share", title=f"{SYMBOLS * MINUTES:,} bars, 4 partitions, 2 cores")
    for count, one in found.items():
        table.add_row(str(count), f"{one.bars_per_s:,.0f}", f"{one.database:.0%}")
    console.print(table)
    speeds = {count: one.bars_per_s / found[1].bars_per_s for count, one in found.items()}
    figures = {"bars_per_s": found[1].bars_per_s, "speedup_2": speeds[2], "speedup_4": speeds[4]}
    figures |= {f"database_{count}": one.database for count, one in found.items()}
    return {name: round(value, 2) for name, value in figures.items()}


def _measure(s: Settings, count: int) -> Measured:
    own = s.model_copy(update={"kafka_topic": f"scale-{count}"})
    ensure_topics(own)
    with psycopg.connect(own.postgres()) as connection:
        connection.execute("truncate bars, forecasts")
    with ExitStack() as group:
        consumers = [group.enter_context(running_process(own, "_consumer")) for _ in range(count)]
        admin = AdminClient(client_config(own))
        _wait(lambda: _shared(admin, own, count))
        publisher, minutes = Publisher.connect(own), list(market(own.symbols, MINUTES))
        begun = time.monotonic()
        for bars in minutes:
            publish(publisher, bars)
        _wait(lambda: sum(one.done for one in consumers) >= len(own.symbols) * MINUTES)
        seconds = max(one.reports[-1]["at"] for one in consumers) - begun
        share = sum(one.reports[-1]["database"] for one in consumers) / (seconds * count)
    return Measured(len(own.symbols) * MINUTES / seconds, share)


def _shared(admin: AdminClient, s: Settings, count: int) -> bool:
    """Say whether so many consumers have the partitions among them."""
    group = f"{s.kafka_topic}-consumer"
    try:
        members = admin.describe_consumer_groups([group])[group].result().members
    except KafkaException:
        return False  # the broker is still making ready for groups
    owned = [len(member.assignment.topic_partitions) for member in members]
    return len(owned) == count and set(owned) == {s.kafka_partitions // count}


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.05)
