"""What the live benchmarks share: a broker and a database of their own, made-up bars, and consumers as processes."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Thread

import numpy as np

from benchmarks._servers import database, folder
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.broker import Publisher, ensure_topics
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BrokerUnavailable
from tests.servers import broker, settings_in

FIRST = "2024-03-01"


@contextmanager
def stage(symbols: tuple[str, ...], **given: object) -> Iterator[Settings]:
    """Give settings with Kafka and PostgreSQL running, tables and topics made; all of it is gone afterwards."""
    with folder("live") as home:
        s = settings_in(home, source="csv", csv_path=home, symbols=symbols, **given)
        with database(s), broker(s):
            ensure_topics(s)
            yield s


class Process:
    """Run one of this package's processes, which tells of each commit by a line on its standard output."""

    def __init__(self, s: Settings, module: str) -> None:
        self._module, argv = module, [PYTHON, "-m", f"benchmarks.{module}"]
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=os.environ | environment(s), stdout=subprocess.PIPE, text=True
        )
        self.reports: list[dict[str, float]] = []
        self._news = Condition()
        Thread(target=self._listen, daemon=True).start()

    def wait(self, messages: int) -> float:
        """Return when, in seconds of the monotonic clock, the commit behind so many messages in all was done."""
        with self._news:
            self._news.wait_for(lambda: self.process.poll() is not None or self.done >= messages)
        if self.done < messages:
            raise RuntimeError(f"benchmarks.{self._module} ended with {self.process.poll()}")
        return self.reports[-1]["at"]

    @property
    def done(self) -> int:
        """Return how many messages are committed."""
        return int(self.reports[-1]["messages"]) if self.reports else 0

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(30)

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            if line.startswith("{"):
                with self._news:
                    self.reports.append(json.loads(line))
                    self._news.notify()
        self.process.wait()
        with self._news:
            self._news.notify()


@contextmanager
def running_process(s: Settings, module: str) -> Iterator[Process]:
    """Give a process until the block ends."""
    process = Process(s, module)
    try:
        yield process
    finally:
        process.end()


def market(symbols: tuple[str, ...], minutes: int) -> Iterator[list[Bar]]:
    """Yield a random walk of each symbol, minute by minute over whole sessions."""
    random = np.random.default_rng(1)
    close = np.full(len(symbols), 100.0)
    for ts in times(minutes):
        opened, close = close, close * np.exp(random.normal(0, 5e-4, len(symbols)))
        high, low = np.maximum(opened, close) * 1.0001, np.minimum(opened, close) * 0.9999
        columns = (np.round(column, 4).tolist() for column in (opened, high, low, close))
        rows = zip(symbols, *columns, random.integers(100, 5000, len(symbols)).tolist(), strict=True)
        yield [Bar(symbol, ts, o, h, lo, c, float(v), "csv") for symbol, o, h, lo, c, v in rows]


def times(count: int) -> list[int]:
    """Return the opens of so many minutes of sessions from FIRST on."""
    calendar = sessions("XNYS")
    at = int(np.searchsorted(calendar.dates, np.datetime64(FIRST)))
    days = range(at, at + count // 200 + 2)
    opens = np.concatenate([np.arange(calendar.opens[day], calendar.closes[day], 60) for day in days])
    return [int(ts) for ts in opens[:count]]


def publish(publisher: Publisher, messages: Sequence[Bar | OfficialClose]) -> None:
    """Publish bars and official closes, waiting where the client's buffer is full."""
    for message in messages:
        while True:
            try:
                publisher.bar(message) if isinstance(message, Bar) else publisher.official_close(message)
                break
            except BrokerUnavailable:
                publisher.flush(0.1)
