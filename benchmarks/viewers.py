"""A thousand viewers of `/stream`, and five thousand: from a batch committed to each of them having received it."""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks._live import times
from benchmarks._servers import dashboard
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.postgres.reader import ForecastReader, Span
from stock_ml.adapters.postgres.store import BarRow, ForecastRow, ForecastStore
from stock_ml.config import Settings

SYMBOLS = tuple(f"V{n:03}" for n in range(100))  # that tick
WATCHED = SYMBOLS[:20]
SESSION, TICKS, REQUESTS = 390, 40, 300
KIB = 1024


class Room(NamedTuple):
    """Hold what is at hand while the dashboard runs: its worker process, and minutes that have no bars yet."""

    s: Settings
    worker: psutil.Process
    store: ForecastStore
    reader: ForecastReader
    minutes: Iterator[int]


class Measured(NamedTuple):
    """Hold what one crowd saw: milliseconds from commit to receipt, what did not arrive, memory a viewer."""

    p50_ms: float
    p99_ms: float
    dropped: int
    kb: float


def run(console: Console, few: int = 1000, many: int = 5000) -> dict[str, float]:
    """Measure, and return the figures."""
    with served() as room:
        for _ in range(SESSION):
            tick(room.store, next(room.minutes))
        data, query = time_data(room.s), time_reader(room.reader)
        watch(room, len(WATCHED), 3)  # so that what is loaded and cached is not counted to the viewers
        thousand, thousands = (watch(room, viewers, TICKS) for viewers in (few, many))
    show(console, {few: thousand, many: thousands}, data, query)
    return {
        "p99_ms": thousand.p99_ms,
        "p99_ms_5000": thousands.p99_ms,
        "dropped": thousand.dropped + thousands.dropped,
        "kb_per_viewer": thousand.kb,
        "data_per_s": round(REQUESTS / sum(data)),
        "data_p99_ms": p(data, 0.99),
        "query_p99_ms": p(query, 0.99),
    }


@contextmanager
def served() -> Iterator[Room]:
    """Run PostgreSQL and the dashboard until the block ends."""
    with (
        dashboard("viewers", SYMBOLS) as (s, pid),
        closing(ForecastStore.connect(s)) as store,
        closing(ForecastReader.connect(s)) as reader,
    ):
        worker, minutes = psutil.Process(pid).children()[0], iter(times(SESSION + 3 * TICKS))
        yield Room(s, worker, store, reader, minutes)


def tick(store: ForecastStore, ts: int) -> float:
    """Store a bar and a forecast of each symbol, and return when, by the monotonic clock, they were committed."""
    bars = [BarRow(name, ts, 100.0, 100.1, 99.9, 100.0, 500.0, False, "csv", False) for name in SYMBOLS]
    bounds = (99.9, 100.1, 99.8, 100.2, 99.7, 100.3)
    day = str(np.datetime64(ts, "s").astype("M8[D]"))
    forecasts = [
        ForecastRow(name, ts, 1, ts + 60, day, 100.0, 100.0, *bounds, "1", 0.0, ts + 61.0, False) for name in SYMBOLS
    ]
    store.store(bars, forecasts)
    return time.monotonic()


def watch(room: Room, viewers: int, ticks: int) -> Measured:
    """Let so many viewers watch so many ticks, one a second."""
    before = room.worker.memory_full_info().uss
    with crowd(room.s, viewers) as process:
        begun, committed = time.monotonic(), {}
        for number in range(ticks):
            time.sleep(max(0.0, begun + number - time.monotonic()))
            done = tick(room.store, next(room.minutes))
            committed[room.reader.newest_batch()] = done
        time.sleep(3)
        used = room.worker.memory_full_info().uss - before
        told, _ = process.communicate("end\n", 60)
    received = {int(batch): at for batch, at in json.loads(told).items()}
    delays = [at - done for batch, done in committed.items() for at in received.get(batch, [])]
    missing = viewers * ticks - len(delays)
    return Measured(p(delays, 0.5), p(delays, 0.99), missing, round(used / viewers / KIB, 1))


@contextmanager
def crowd(s: Settings, viewers: int) -> Iterator[subprocess.Popen[str]]:
    """Give a process with viewers that all listen."""
    argv = [PYTHON, "-m", "benchmarks._viewers", str(s.dashboard_port), str(viewers), *WATCHED]
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("benchmarks._viewers did not get its viewers to listen")
        yield process
    finally:
        process.kill()
        process.wait(30)


def time_data(s: Settings) -> list[float]:
    """Return the seconds that a session of one symbol takes over `/data`, each on a connection kept open."""
    with closing(http.client.HTTPConnection("127.0.0.1", s.dashboard_port, timeout=30)) as line:

        def request() -> None:
            line.request("GET", f"/data?symbol={SYMBOLS[0]}")
            if len(json.loads(line.getresponse().read())["bars"]) != SESSION:
                raise RuntimeError("/data does not give the session")

        return [seconds(request) for _ in range(REQUESTS)]


def time_reader(reader: ForecastReader) -> list[float]:
    """Return the seconds that the same rows take by two bare queries."""
    span = Span(SYMBOLS[0], 0, 4_102_444_800_000, 1950)
    return [seconds(lambda: (reader.bars(span), reader.forecasts(span))) for _ in range(REQUESTS)]


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def p(durations: list[float], share: float) -> float:
    """Return a quantile of seconds in milliseconds."""
    return round(1000 * float(np.quantile(durations, share)), 1)


def show(console: Console, crowds: dict[int, Measured], data: list[float], query: list[float]) -> None:
    """Print the tables."""
    table = Table("viewers", "p50 ms", "p99 ms", "dropped", "KB a viewer", title="from committed to received")
    for viewers, measured in crowds.items():
        table.add_row(f"{viewers:,}", *(f"{value:g}" for value in measured))
    console.print(table)
    table = Table("a session of one symbol", "p50 ms", "p99 ms", "a second", title="one after another")
    for name, durations in {"/data": data, "two bare queries": query}.items():
        table.add_row(name, f"{p(durations, 0.5)}", f"{p(durations, 0.99)}", f"{len(durations) / sum(durations):.0f}")
    console.print(table)
