"""Train on 1, 3 and 10 million rows from S3: seconds a step and peak memory, beside MLlib's fit and scikit-learn's."""

import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from math import log

import numpy as np
import psutil
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks._servers import database, folder, object_store, peak_memory
from local import jars
from local.secrets import ensure_secrets
from local.servers import mlflow
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.model import features
from tests.servers import running, settings_in
from tests.walks import frame, minutes_of, walk

SIZES, SYMBOLS_A_MILLION = (1_000_000, 3_000_000, 10_000_000), 10
FIRST, GIB = "2023-01-03", 1024**3
OURS, BARE, RIDGE = ("load and features", "fit"), "MLlib's fit alone", "scikit-learn's ridge"
WALK_FORWARD = "walk-forward"


@dataclass
class Measured:
    """Hold the seconds of each step, how many feature rows there were, and the most memory that training held, GiB."""

    seconds: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    peak_gib: float = 0.0

    @property
    def until_fitted(self) -> float:
        """Return the seconds from stored bars to a fitted model."""
        return sum(self.seconds[step] for step in OURS)


def run(console: Console, rows: int = 0) -> dict[str, float]:
    """Train on each size, or on so many `rows` alone, and return the figures."""
    sizes = (rows,) if rows else SIZES
    found: dict[int, Measured] = {}
    for size in sizes:  # ten million take minutes: each table is shown when its figures are there
        found[size] = _size(size)
        console.print(_table(list(found.values())))
    return _figures(found)


def _figures(found: dict[int, Measured]) -> dict[str, float]:
    smallest, largest = min(found), max(found)
    label, most = f"{largest / 1e6:g}m", found[largest]
    figures = {f"ratio_to_fit_{label}": most.until_fitted / most.seconds[BARE], f"peak_gib_{label}": most.peak_gib}
    figures[f"walk_forward_to_fit_{label}"] = most.seconds[WALK_FORWARD] / most.seconds[BARE]
    if len(found) > 1:
        growth = log(most.until_fitted / found[smallest].until_fitted)
        figures["growth_exponent"] = growth / log(most.rows / found[smallest].rows)
    return {name: round(value, 2) for name, value in figures.items()}


def _size(rows: int) -> Measured:
    """Train on about so many bars, on servers of their own."""
    symbols = tuple(f"S{number}" for number in range(max(rows * SYMBOLS_A_MILLION // 1_000_000, 1)))
    with folder("train") as home:
        s = settings_in(home, symbols=symbols)
        jars.fetch("s3a", s.jars)
        with object_store(s) as lake, database(s):
            _store(lake, symbols, rows // len(symbols) // 390)
            with running(mlflow.program(s, ensure_secrets(s)), s):
                return _trained(s, str(home / "ready"))


def _store(lake: Lake, symbols: tuple[str, ...], sessions: int) -> None:
    ts = minutes_of(FIRST, sessions)
    for seed, symbol in enumerate(symbols):
        bars = frame(symbol, walk(ts, seed, pull=0.2), lake.source)
        for month, part in bars.groupby(bars["ts"].dt.strftime("%Y-%m")):
            lake.write_clean(symbol, str(month), part)


def _trained(s: Settings, ready: str) -> Measured:
    argv, env = [PYTHON, "-m", "benchmarks._training", ready], os.environ | environment(s)
    found = Measured()
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        driver = psutil.Process(process.pid)
        with peak_memory(lambda: _memory(driver), 0.5) as peak:
            _listen(process, found, until="rows")
        _listen(process, found, until="nothing")
    found.peak_gib = peak.bytes / GIB
    if process.returncode:
        raise RuntimeError(f"benchmarks._training ended with {process.returncode}")
    found.seconds[RIDGE] = _ridge(ready)
    return found


def _listen(process: "subprocess.Popen[str]", found: Measured, until: str) -> None:
    for line in process.stdout or ():
        told = json.loads(line) if line.startswith("{") else {}
        if "step" in told:
            found.seconds[told["step"]] = told["seconds"]
        found.rows = told.get("rows", found.rows)
        if until in told:
            return


def _memory(driver: psutil.Process) -> int:
    """Return the bytes that a process and all below it use: driver, JVM, Python workers; shared pages once."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for one in [driver, *driver.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
                total += one.memory_full_info().pss
    return total


def _ridge(ready: str) -> float:
    """Return the seconds of reading the feature rows and fitting scikit-learn's ridge to all of them in memory."""
    from sklearn.linear_model import Ridge  # comes with mlflow, and is used here only

    begun = time.monotonic()
    names = list(features.FEATURES)
    table = pq.read_table(ready, columns=[*names, "target"])
    matrix = np.column_stack([table[name].to_numpy() for name in names])
    Ridge().fit(matrix, table["target"].to_numpy())
    return time.monotonic() - begun


def _table(found: list[Measured]) -> Table:
    table = Table("", *(f"{one.rows:,} rows" for one in found), title="seconds")
    for step in found[0].seconds:
        table.add_row(step, *(f"{one.seconds[step]:.1f}" for one in found))
    table.add_row("from bars to a fit, over MLlib's fit", *(f"{o.until_fitted / o.seconds[BARE]:.2f}" for o in found))
    table.add_row("peak memory, GiB", *(f"{one.peak_gib:.2f}" for one in found))
    return table
