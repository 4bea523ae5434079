"""Ten years of one symbol, received, cleaned, and Parquet on S3; beside bare pandas on the same rows."""

import gc
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks._servers import folder, highest, object_store
from local.memory import MIB
from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions, sessions
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.sources.parsing import Response
from tests.servers import settings_in

SYMBOL, TURNS, SILENT = "GOOGL", 3, 0.06  # the last: share of minutes without a trade
MONTHS = [str(month) for month in np.arange("2014-01", "2024-01", dtype="datetime64[M]")]


@dataclass
class Measured:
    """Hold the seconds of each turn, and the most memory that this process held, MiB."""

    seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0


def run(console: Console) -> dict[str, float]:
    """Measure both on one S3 service of their own, turn by turn, and return the figures."""
    with folder("clean") as home:
        s = settings_in(home, symbols=(SYMBOL,), source="alpha_vantage", alphavantage_api_key="none")
        with object_store(s) as lake:
            raw = _received(lake, sessions(s.exchange))
            product, bare = _turns(s, lake, raw)
            rows = sum(r["rows_read"] for month in MONTHS if (r := lake.read_quality(SYMBOL, month)))
    console.print(_table(product, bare, rows))
    ratio = min(product.seconds) / min(bare.seconds)
    figures = {"ratio_to_pandas": ratio, "seconds": min(product.seconds), "peak_mib": product.peak_mib, "rows": rows}
    return {name: round(value, 3) for name, value in figures.items()}


def _turns(s: Settings, lake: Lake, raw: dict[str, str]) -> tuple[Measured, Measured]:
    """Take both in turn, so that what else the machine does meets both; each was tried on a month before."""
    product, bare = Measured(), Measured()
    item: IngestItem = {"symbol": SYMBOL, "months": MONTHS, "raw": raw}
    clean_symbol(s, {**item, "months": MONTHS[:1]})
    _bare(lake, list(raw.values())[:1])
    for _ in range(TURNS):
        for month in MONTHS:
            lake.drop_clean(SYMBOL, month)
        with _measured(bare):
            _bare(lake, list(raw.values()))
        with _measured(product):
            clean_symbol(s, item)
    return product, bare


def _bare(lake: Lake, keys: list[str]) -> None:
    """Read, sort, drop duplicates and write: no check, no calendar, no hole, no report, one object."""
    bodies = (lake.objects.get(key) or b"" for key in keys)
    rows = pd.concat([pd.read_csv(io.BytesIO(body), parse_dates=["timestamp"]) for body in bodies])
    sink = io.BytesIO()
    rows.sort_values("timestamp").drop_duplicates().to_parquet(sink, index=False)
    lake.objects.put("bare.parquet", sink.getvalue(), "application/vnd.apache.parquet")


def _received(lake: Lake, calendar: Sessions) -> dict[str, str]:
    """Store made-up answers, a month each, and return their keys."""
    random = np.random.default_rng(1)
    known = float(calendar.closes[np.searchsorted(calendar.dates, np.datetime64("2024-01-31"))])
    answers = ((month, _body(month, calendar, random)) for month in MONTHS)
    request = {"function": "TIME_SERIES_INTRADAY"}
    return {
        month: lake.put_raw(Response(lake.source, SYMBOL, month, request, known, body, "text/csv"))
        for month, body in answers
    }


def _body(month: str, calendar: Sessions, random: np.random.Generator) -> bytes:
    """Return a month of a random walk in Alpha Vantage's CSV, newest first, with a little of extended hours."""
    met = calendar.dates.astype("datetime64[M]") == np.datetime64(month)
    edges = zip(calendar.opens[met], calendar.closes[met], strict=True)
    ts = np.concatenate([np.arange(start - 900, end + 900, 60) for start, end in edges])
    ts = ts[(random.random(len(ts)) >= SILENT) | (calendar.minute(ts) <= 1)]
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 5e-4, len(ts)))), 2)
    minute, last = calendar.minute(ts), np.isin(ts + MINUTE, calendar.closes)
    volume = random.integers(100, 5000, len(ts)) + 50_000 * (minute == 0) + 20_000 * last
    half = np.where(minute < 0, 0.01, 0.05 + 0.2 * np.exp(-minute / 8))  # the opening moves most: labels tell by it
    labels = pd.to_datetime(ts, unit="s", utc=True).tz_convert(calendar.zone).strftime("%Y-%m-%d %H:%M:%S")
    cells = zip(labels, close.tolist(), half.tolist(), volume.tolist(), strict=True)
    rows = [f"{at},{c:.4f},{c + h:.4f},{c - h:.4f},{c:.4f},{v}" for at, c, h, v in cells]
    return "\r\n".join(["timestamp,open,high,low,close,volume", *reversed(rows), ""]).encode()


@contextmanager
def _measured(into: Measured) -> Iterator[None]:
    gc.collect()
    process = psutil.Process()
    with highest(lambda: process.memory_info().rss / MIB, 0.01) as peak:
        begun = time.perf_counter()
        yield
        into.seconds.append(time.perf_counter() - begun)
    into.peak_mib = max(into.peak_mib, peak.value)


def _table(product: Measured, bare: Measured, rows: int) -> Table:
    table = Table("", "seconds, each turn", "best", "peak MiB", title=f"{rows:,} rows, received, to Parquet on S3")
    for name, found in (("stock_ml, 120 objects with reports", product), ("bare pandas, one object", bare)):
        turns = ", ".join(f"{seconds:.1f}" for seconds in found.seconds)
        table.add_row(name, turns, f"{min(found.seconds):.1f}", f"{found.peak_mib:,.0f}")
    return table
