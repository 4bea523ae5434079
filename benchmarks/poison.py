"""20,000 messages, half of them bad in all ways that we know, and batches no client reads: what is stored and told."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import orjson
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from benchmarks import _checker, _live
from local.memory import MIB
from stock_ml.adapters.broker import Topics, encode_bar
from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.json_object import JsonObject
from tests.adapters.raw_kafka import bomb, produce

SYMBOLS = tuple(f"S{number:02}" for number in range(25))
MINUTES, SEED, EACH = 402, 1, 50  # EACH: messages of a batch
CODECS = ("gzip", "snappy", "lz4", "zstd")
PATIENCE = 300.0
Spoil = Callable[[Bar], bytes]


class Sent(NamedTuple):
    """Hold what went to the topic: the good bars, how many bad messages, and how many batches that nobody can read."""

    bars: list[Bar]
    bad: int
    batches: int


def run(console: Console, seed: int = SEED) -> dict[str, float]:
    """Send it all to a consumer, leave nothing running, and return what came of it."""
    with _live.stage(SYMBOLS, kafka_partitions=4) as s, _live.running_process(s, "_consumer") as consumer:
        sent = _send(s, seed)
        _wait(lambda: len(_stored(s)) >= len(sent.bars) and len(_rejected(s)) >= sent.bad + sent.batches)
        stored, rejected = _stored(s), _rejected(s)
        memory = [report["rss"] / MIB for report in consumer.reports]
    served = {(bar.symbol, bar.ts): (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in sent.bars}
    console.print(_table(rejected))
    return {
        "messages": len(sent.bars) + sent.bad,
        "good": len(sent.bars),
        "lost": len(served.keys() - stored.keys()),
        "changed": sum(stored.get(minute, prices) != prices for minute, prices in served.items()),
        "accepted_bad": len(stored.keys() - served.keys()),
        "bad": sent.bad,
        "batches": sent.batches,
        "untold": sent.bad + sent.batches - len(rejected),
        "memory_mib_at_half": round(memory[len(memory) // 2]),
        "memory_mib_at_end": round(memory[-1]),
    }


def _send(s: Settings, seed: int) -> Sent:
    """Send every good bar in the order of its time, through every codec, with bad messages and batches among them."""
    chance, minutes = np.random.default_rng(seed), list(_live.market(SYMBOLS, MINUTES))
    producers = [Producer(client_config(s) | {"compression.type": codec, "linger.ms": 20}) for codec in CODECS]
    bad = batches = 0
    for number, minute in enumerate(minutes):
        producer = producers[number % len(producers)]
        for bar in minute:
            producer.produce(s.kafka_topic, key=bar.symbol.encode(), value=encode_bar(bar))
            producer.produce(s.kafka_topic, key=bar.symbol.encode(), value=SPOILS[chance.integers(len(SPOILS))](bar))
            bad += 1
        if producer.flush(60):
            raise RuntimeError("the broker does not take the messages")
        if number % 50 == 25:
            produce(s, s.kafka_topic, batches % s.kafka_partitions, bomb(1 if batches % 2 else EACH))
            batches += 1
    return Sent([bar for minute in minutes for bar in minute], bad, batches)


def _field(**changes: object) -> Spoil:
    return lambda bar: orjson.dumps(_fields(bar) | changes)


def _without(name: str) -> Spoil:
    return lambda bar: orjson.dumps({key: value for key, value in _fields(bar).items() if key != name})


def _fields(bar: Bar) -> JsonObject:
    fields: JsonObject = orjson.loads(encode_bar(bar))
    return fields


def _raw(number: str) -> Spoil:
    """Put a number into the text that JSON does not have, or that no float holds."""
    return lambda bar: encode_bar(bar).replace(b'"close":', f'"close":{number},"x":'.encode(), 1)


NO_PRICES: tuple[object, ...] = ("1", None, True, [], -1, 0)
NO_NOTES: tuple[object, ...] = (1, {})
SPOILS: tuple[Spoil, ...] = (
    *(_without(name) for name in ("v", "symbol", "ts", "open", "high", "low", "close", "volume", "source")),
    *(_field(**{name: wrong}) for name in ("open", "high", "low", "close") for wrong in NO_PRICES),
    *(_field(volume=wrong) for wrong in ("1", None, -1, 1e16)),
    *(_field(ts=wrong) for wrong in (0, 61, -60, 1e30, "2024-03-01", 7_258_118_400)),
    *(_field(symbol=wrong) for wrong in (7, "", "MSFT", "\u0000", "x" * 1000)),
    *(_field(source=wrong) for wrong in (None, "", "yahoo")),
    *(_field(v=wrong) for wrong in (0, 2, "1", None)),
    *(_field(**{name: wrong}) for name in ("high", "close") for wrong in (1e200, 1e10)),
    *(_field(note=wrong) for wrong in NO_NOTES),
    *(_field(revision=wrong) for wrong in (-1, "1", 1e9)),
    *(_raw(number) for number in ("NaN", "Infinity", "1e999", "01", "")),
    *(lambda bar, cut=cut: encode_bar(bar)[:cut] for cut in (0, 1, 30, -1)),
    lambda bar: b"\xff" + encode_bar(bar),
    lambda bar: encode_bar(bar) * 2,
    lambda bar: b"[" + encode_bar(bar) + b"]",
    lambda bar: encode_bar(bar).decode().encode("utf-16"),
    lambda _: b"[" * 5000,
    lambda _: b"x" * 70_000,
)


def _stored(s: Settings) -> dict[_checker.Minute, _checker.Prices]:
    return _checker.stored_bars(s.postgres())


def _rejected(s: Settings) -> list[bytes]:
    return list(_checker.messages(client_config(s), Topics.of(s).rejected))


def _wait(true: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not true() and time.monotonic() - begun < PATIENCE:
        time.sleep(1)


def _table(rejected: list[bytes]) -> Table:
    table = Table("of what was put aside, the first bytes", "times")
    for begin, count in Counter(message[:24] for message in rejected).most_common(8):
        table.add_row(repr(begin), str(count))
    return table
