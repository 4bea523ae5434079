"""Bars of 500 symbols at 2,000 a second for half an hour (seconds=…): memory, open files and lag of each process."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import psutil
import requests
from rich.console import Console
from rich.table import Table

from benchmarks import _live
from benchmarks._stack import Stack, stack
from local.memory import MIB
from stock_ml.adapters.broker import Publisher
from stock_ml.domain.bars import Bar

SYMBOLS = tuple(f"S{number:05}" for number in range(500))
NAMES = ("consumer", "postgres", "kafka", "s3", "mlflow", "dashboard")
EVERY = 5.0  # seconds between two looks
WARM = 0.2  # share of the time after which growth is measured: caches are full by then
LAG = "stockml_lag_messages"


@dataclass
class Watched:
    """Hold at each look the memory in MiB and the open files of each process, and the consumer's lag in messages."""

    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lag: list[float] = field(default_factory=list)

    def sample(self, one: Stack) -> None:
        """Look once at every process, and at all below it."""
        for name in NAMES:
            root = psutil.Process(one.pid(name))
            family = [root, *root.children(recursive=True)]
            self.memory[name].append(sum(process.memory_full_info().uss for process in family) / MIB)
            self.files[name].append(sum(process.num_fds() for process in family))
        self.lag.append(_metric(one, LAG))


def run(console: Console, seconds: int = 1800, rate: int = 2000) -> dict[str, float]:
    """Let bars flow through a stack of its own, and return how its processes grew."""
    with stack(SYMBOLS, 1.0, without="producer") as one:
        one.up([bar for minute in _live.market(SYMBOLS, 1) for bar in minute])
        watched, published = _flow(one, seconds, rate)
        stored = _metric(one, "stockml_bars_total")
    console.print(_table(watched, seconds, published))
    growth = {f"{name}_mib_per_hour": _growth(of) * 3600 / EVERY for name, of in watched.memory.items()}
    more = {f"{name}_files": of[-1] - of[int(WARM * len(of))] for name, of in watched.files.items()}
    told = {
        "seconds": seconds,
        "bars_per_s": published / seconds,
        "lost": published - stored,
        "lag_max": max(watched.lag),
    }
    return {name: round(value, 1) for name, value in (told | growth | more).items()}


def _flow(one: Stack, seconds: int, rate: int) -> tuple[Watched, int]:
    publisher, watched, published = Publisher.connect(one.s), Watched(), 0
    begun = looked = time.monotonic()
    for minute in _endless():
        if (now := time.monotonic()) - begun >= seconds:
            break
        if now - looked >= EVERY:
            watched.sample(one)
            looked = now
        _live.publish(publisher, minute)
        published += len(minute)
        time.sleep(max(begun + published / rate - time.monotonic(), 0.0))
    publisher.flush(30)
    while _metric(one, "stockml_messages_total") < published:
        time.sleep(0.2)
    return watched, published


def _endless() -> Iterator[list[Bar]]:
    return _live.market(SYMBOLS, 100_000)


def _metric(one: Stack, name: str) -> float:
    text = requests.get(f"http://127.0.0.1:{one.s.consumer_port}/metrics", timeout=10).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


def _growth(values: list[float]) -> float:
    """Return the slope of a straight line through what came after the warm-up, a look."""
    left = values[int(WARM * len(values)) :]
    return float(np.polyfit(np.arange(len(left)), left, 1)[0])


def _table(watched: Watched, seconds: int, published: int) -> Table:
    title = f"{published:,} bars in {seconds} s; lag at most {max(watched.lag):,.0f} messages"
    table = Table("", "MiB at first", "at last", "MiB an hour", "files at first", "at last", title=title)
    for name in NAMES:
        memory, files = watched.memory[name], watched.files[name]
        warm = int(WARM * len(memory))
        numbers = (memory[warm], memory[-1], _growth(memory) * 3600 / EVERY, files[warm], files[-1])
        table.add_row(name, *(f"{number:,.0f}" for number in numbers))
    return table
