"""Each source against a local server of its own: hostile answers, and live bars whose connection drops each minute."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import NamedTuple

import numpy as np
import psycopg
import requests
from rich.console import Console
from rich.table import Table

from benchmarks import _checker, _exchanges
from benchmarks._checker import Minute
from benchmarks._exchanges import STEP, Exchange
from benchmarks._live import running_process
from benchmarks._servers import database, folder, service
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.broker import Topics, ensure_topics
from stock_ml.adapters.broker.client import client_config
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.config import Settings
from tests.servers import broker, running, settings_in

KITS = {
    "sandbox": "tests.services:SANDBOX",
    "alpha_vantage": "tests.services:JSON",
    "yahoo": "tests.services:YAHOO",
    "csv": "tests.services:FILES",
    "alpaca": "tests.services:ALPACA",
    "crypto": "tests.services:COINBASE",
}
EXCHANGES: tuple[Callable[[], AbstractContextManager[Exchange]], ...] = (
    _exchanges.yahoo,
    _exchanges.alpaca_exchange,
    _exchanges.binance,
)
MINUTES = 10
DROP, REFUSED = 50.0, 25.0  # second of each minute; in each other one new connections are refused for so many seconds
SETTLED = 45.0  # seconds after the last minute in which its bars may still be requested
STEADY = 3.0  # seconds around a push in which no connection may be made or lost, for its delay to count as a push's
NEW = """
select symbol, extract(epoch from ts)::bigint from bars where stored_at = any(%s) and not filled and revision = 0
"""
PASSED = re.compile(r"passes (\d+) hostile answers of (\d+)")


class Kit(NamedTuple):
    """Count the hostile answers of a source, and those that it failed."""

    cases: int
    failed: int


class Lived(NamedTuple):
    """Hold what ten minutes did: bars lost, twice and changed, requests a minute, delays in seconds, the page."""

    lost: int
    twice: int
    changed: int
    bars: int
    requests: float
    delays: list[float]
    is_live: bool


@dataclass
class Commits:
    """Note when each bar was committed, by the wall's clock, from a thread that hears of each commit."""

    s: Settings
    seen: dict[Minute, float] = field(default_factory=dict)
    _done: Event = field(default_factory=Event)

    def __enter__(self) -> "Commits":
        """Begin to listen."""
        self._thread = Thread(target=self._listen, name="commits")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._done.set()
        self._thread.join()

    def _listen(self) -> None:
        reader = ForecastReader.connect(self.s)
        listener, newest = reader.listen(), reader.newest_batch()
        with psycopg.connect(self.s.postgres()) as connection:
            while not self._done.is_set():
                listener.wait(1.0)
                at, run = time.time(), reader.run(newest, 1000)
                if run is not None and run.batches:
                    rows = connection.execute(NEW, [run.stored]).fetchall()
                    self.seen = dict.fromkeys(rows, at) | self.seen
                    newest = run.newest
        reader.close()


def run(console: Console, minutes: int = MINUTES) -> dict[str, float]:
    """Try every source, live for `minutes` where it has live bars, and return the figures."""
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        stages = [stack.enter_context(_stage(exchange)) for exchange in EXCHANGES]
        lived = dict(pool.map(partial(_live, minutes), *zip(*stages, strict=True)))
    kits = {name: _kit(name, of) for name, of in KITS.items()}
    console.print(_table(kits, lived))
    pushed = [delay for exchange, found in lived.items() if exchange != "yahoo" for delay in found.delays]
    return {
        "sources": len(kits),
        "cases": sum(kit.cases for kit in kits.values()),
        "cases_failed": sum(kit.failed for kit in kits.values()),
        "bars": sum(found.bars for found in lived.values()),
        "lost": sum(found.lost for found in lived.values()),
        "twice": sum(found.twice for found in lived.values()),
        "changed": sum(found.changed for found in lived.values()),
        "push_p99_ms": round(1000 * float(np.quantile(pushed, 0.99)), 1),
        "poll_p99_s": round(float(np.quantile(lived["yahoo"].delays, 0.99)), 1),
        "pages_live": sum(found.is_live for found in lived.values()),
    }


def _kit(name: str, of: str) -> Kit:
    argv = [PYTHON, "-m", "stock_ml.testing", name, "--service", of]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    found = PASSED.search(ended.stdout)
    if found is None:
        raise RuntimeError(f"the kit of {name} ended with {ended.returncode}: {ended.stdout[-2000:]}")
    passed, cases = map(int, found.groups())
    return Kit(cases, max(cases - passed, int(ended.returncode != 0)))


@contextmanager
def _stage(opened: Callable[[], AbstractContextManager[Exchange]]) -> Iterator[tuple[Settings, Exchange]]:
    """Run an exchange, a broker, a database, the dashboard and a consumer; all of it is gone afterwards."""
    with opened() as exchange, folder("sources") as home:
        given = {"source": exchange.name, "exchange": "24/7", "labels": "start", "window": 16, **exchange.settings}
        s = settings_in(home, symbols=exchange.symbols, **given)
        with database(s), broker(s), running(service(s, "dashboard"), s):
            ensure_topics(s)
            with running_process(s, "_consumer"):
                yield s, exchange


def _live(minutes: int, s: Settings, exchange: Exchange) -> tuple[str, Lived]:
    with Commits(s) as commits, running(service(s, "producer"), s):
        begun = int(time.time()) // STEP * STEP + STEP
        edges = _pass_minutes(exchange, begun, minutes)
        is_live = _is_live(s, exchange, begun + (minutes - 1) * STEP)
        asked = exchange.requests / minutes
    stored = {minute: row for minute, row in _checker.stored_bars(s.postgres()).items() if minute[1] >= begun}
    served = _exchanges.served(exchange, begun, begun + minutes * STEP)
    found = _checker.verdict(served, stored, _checker.messages(client_config(s), Topics.of(s).bars), {})
    delays = [commits.seen[m] - at for m, at in exchange.sent.items() if m in commits.seen and _is_steady(at, edges)]
    return exchange.name, Lived(found.lost, found.twice, found.changed, found.bars, asked, delays, is_live)


def _pass_minutes(exchange: Exchange, begun: int, minutes: int) -> list[float]:
    """Let minutes pass, each with a connection that drops, and return when connections were lost and made."""
    edges = list[float]()
    for number, ts in enumerate(range(begun, begun + minutes * STEP, STEP)):
        _sleep_until(ts + DROP)
        exchange.refuse(number % 2 == 1)
        exchange.drop()
        edges.append(time.time())
        _sleep_until(ts + STEP + 0.1)
        exchange.end_minute(ts)
        _sleep_until(ts + DROP + REFUSED)
        exchange.refuse(False)
        edges.append(time.time())
    _sleep_until(begun + minutes * STEP + SETTLED)
    return edges


def _is_steady(at: float, edges: list[float]) -> bool:
    return all(abs(at - edge) >= STEADY for edge in edges)


def _is_live(s: Settings, exchange: Exchange, newest: int) -> bool:
    """Say whether the page has a forecast that was made at the newest minute in which somebody traded."""
    expected = max(
        ts for ts in range(newest - 2 * STEP, newest + 1, STEP) if _exchanges.values(exchange.symbols[0], ts)
    )
    address = f"http://127.0.0.1:{s.dashboard_port}/data"
    answer = requests.get(address, {"symbol": exchange.symbols[0]}, timeout=10)
    answer.raise_for_status()
    forecasts = answer.json()["forecasts"]
    return bool(forecasts) and max(row[0] for row in forecasts) >= (expected + STEP) * 1000


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def _table(kits: dict[str, Kit], lived: dict[str, Lived]) -> Table:
    table = Table("source", "hostile", "failed", "bars", "lost", "twice", "requests/min", "delay p50", "p99", "page")
    for name, kit in kits.items():
        row = [name, str(kit.cases), str(kit.failed)]
        if found := lived.get(name):
            p50, p99 = (f"{value:.3f} s" for value in np.quantile(found.delays, [0.5, 0.99]))
            counts = map(str, (found.bars, found.lost, found.twice))
            row += [*counts, f"{found.requests:.1f}", p50, p99, "live" if found.is_live else "not live"]
        table.add_row(*row)
    return table
