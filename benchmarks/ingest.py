"""Ten symbols and twelve months from the sandbox exchange to clean Parquet on S3; then the same again."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import set_clock
from benchmarks._servers import folder, object_store, service
from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.ingestion.download import download
from stock_ml.ingestion.plan import make_plan
from tests.servers import running, settings_in

SYMBOLS = ("AAPL", "AMD", "AMZN", "GOOGL", "IBM", "INTC", "META", "MSFT", "NVDA", "TSLA")
MONTHS, AT_ONCE = 11, 2  # whole months, and the current one; tasks at once


@dataclass(frozen=True)
class Turn:
    """Hold what one ingest of everything took and made; `requests` are those that the exchange answered."""

    seconds: float
    requests: int
    rows: int
    objects: int


def run(console: Console) -> dict[str, float]:
    """Ingest twice on servers of its own, the clock paused, and return the figures."""
    with folder("ingest") as home, _servers(home) as s:
        first, second = _turn(s), _turn(s)
    console.print(_table(first, second))
    figures = {
        "bars_per_s": first.rows / first.seconds,
        "requests": first.requests,
        "objects": first.objects,
        "second_run_requests": second.requests,
        "second_run_s": second.seconds,
    }
    return {name: round(value, 3) for name, value in figures.items()}


@contextmanager
def _servers(home: Path) -> Iterator[Settings]:
    # the market's clock begins a session and a half into its month, and stands
    s = settings_in(home, source="sandbox", symbols=SYMBOLS, history_months=MONTHS, sandbox_start="2024-03-15")
    with object_store(s), running(service(s, "sandbox"), s):
        set_clock(s, paused=True)
        yield s


def _turn(s: Settings) -> Turn:
    before, begun = count_requests(s), time.perf_counter()
    made = make_plan(s)
    rows = ingest_items(s, made.items)
    seconds = time.perf_counter() - begun
    return Turn(seconds, count_requests(s) - before, rows, len(Lake.connect(s).objects.keys("")))


def count_requests(s: Settings) -> int:
    """Return how many requests for bars the exchange itself counted."""
    return sum(requests.get(f"{s.sandbox}/answered", timeout=30).json().values())


def ingest_items(s: Settings, items: Sequence[IngestItem]) -> int:
    """Ingest the items of a plan, two at once without Airflow, and return the rows received."""
    with ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(partial(_symbol, s), items))


def _symbol(s: Settings, item: IngestItem) -> int:
    """Do what the task of a symbol does, and return the rows received."""
    reports = clean_symbol(s, download(s, item))["months"]
    return sum(int(report["rows_read"]) for report in reports.values())


def _table(first: Turn, second: Turn) -> Table:
    title = f"{len(SYMBOLS)} symbols, {MONTHS + 1} months, {AT_ONCE} symbols at once"
    table = Table("run", "seconds", "requests", "rows", "rows a second", "objects on S3", title=title)
    for name, turn in (("first", first), ("again", second)):
        pace = f"{turn.rows / turn.seconds:,.0f}"
        table.add_row(name, f"{turn.seconds:.1f}", str(turn.requests), f"{turn.rows:,}", pace, f"{turn.objects:,}")
    return table
