"""One symbol, one bar at a time: from its publishing to its commit with its forecast, and to a viewer of `/stream`."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Thread

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._live import market, running_process, stage
from benchmarks._servers import service
from stock_ml.adapters.broker import Publisher
from stock_ml.config import Settings
from tests.servers import running

WARM_UP, TICKS, PAUSE = 50, 300, 0.05  # seconds between a bar seen and the next one: bars do not wait for each other


class Viewer:
    """Watch `/stream` from a thread, and note when each batch of rows came, by the monotonic clock."""

    def __init__(self, s: Settings, symbol: str) -> None:
        line = http.client.HTTPConnection("127.0.0.1", s.dashboard_port, timeout=60)
        line.request("GET", f"/stream?symbol={symbol}")
        self._answer, self._news = line.getresponse(), Condition()
        self.came: list[float] = []
        Thread(target=self._watch, daemon=True).start()

    def wait(self, count: int) -> float:
        """Return when the batch of that number, from 1, came."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.came) >= count, 60):
                raise RuntimeError(f"/stream sent {len(self.came)} of {count} batches")
            return self.came[count - 1]

    def _watch(self) -> None:
        for text in self._answer:
            if text.startswith(b"event: rows"):
                with self._news:
                    self.came.append(time.monotonic())
                    self._news.notify()


@contextmanager
def viewer(s: Settings, symbol: str) -> Iterator[Viewer]:
    """Give a viewer of a dashboard of its own, which has been told that nothing was missed."""
    with running(service(s, "dashboard"), s):
        found = Viewer(s, symbol)
        found.wait(1)
        yield found


def run(console: Console) -> dict[str, float]:
    """Measure, and return the figures."""
    committed, seen = [], []
    with stage(("ONE",)) as s, running_process(s, "_consumer") as consumer, viewer(s, "ONE") as watching:
        publisher = Publisher.connect(s)
        for number, (bar,) in enumerate(market(s.symbols, WARM_UP + TICKS), start=1):
            time.sleep(PAUSE)
            begun = time.monotonic()
            publisher.bar(bar)
            publisher.flush(30)
            committed.append(consumer.wait(number) - begun)
            seen.append(watching.wait(number + 1) - begun)
    figures = {"committed": quantiles(committed), "stream": quantiles(seen)}
    table = Table("until", "p50 ms", "p99 ms", title=f"one bar at a time, {TICKS} bars")
    for name, (p50, p99) in figures.items():
        table.add_row(name, f"{p50:.1f}", f"{p99:.1f}")
    console.print(table)
    return {f"{name}_{p}_ms": ms for name, both in figures.items() for p, ms in zip(("p50", "p99"), both, strict=True)}


def quantiles(seconds: list[float]) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds, without those of the warm-up."""
    p50, p99 = 1000 * np.quantile(seconds[WARM_UP:], [0.5, 0.99])
    return round(float(p50), 1), round(float(p99), 1)
