"""Train on 1, 3, 10 and 30 million rows of S3: seconds and memory, beside MLlib's fit and scikit-learn's ridge."""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np
import psutil
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks._servers import database, folder, highest, object_store
from local import jars
from local.memory import memory, own_memory
from local.secrets import ensure_secrets
from local.servers import mlflow
from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.model import features
from tests.servers import running, settings_in
from tests.walks import frame, minutes_of, walk

SIZES, SYMBOLS_A_MILLION = (1_000_000, 3_000_000, 10_000_000, 30_000_000), 10
FIRST, LARGE = "2023-01-03", 10_000_000
OURS, BARE, RIDGE = ("load and features", "fit"), "MLlib's fit alone", "scikit-learn's ridge"
WALK_FORWARD = "walk-forward"


@dataclass
class Measured:
    """Hold the seconds of each step, how many feature rows there were, and the most memory.

    `peak_gib` is of training as a whole, `driver_mib` of the driver's Python alone.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    peak_gib: float = 0.0
    driver_mib: float = 0.0

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
    figures = dict[str, float]()
    for size, one in found.items():
        if size >= min(LARGE, max(found)):
            figures |= _of_size(f"{size / 1e6:g}m", one)
    if len(found) > 1:
        figures |= _growth([found[size] for size in sorted(found)])
    return {name: round(value, 2) for name, value in figures.items()}


def _of_size(label: str, one: Measured) -> dict[str, float]:
    bare = one.seconds[BARE]
    figures = {"ratio_to_fit": one.until_fitted / bare, "walk_forward_to_fit": one.seconds[WALK_FORWARD] / bare}
    figures |= {"peak_gib": one.peak_gib, "driver_mib": one.driver_mib}
    return {f"{name}_{label}": value for name, value in figures.items()}


def _growth(by_size: Sequence[Measured]) -> dict[str, float]:
    """Return how seconds grow, and from the second size on the driver's memory: few rows are held whole in it."""
    (smallest, second), largest = by_size[:2], by_size[-1]
    seconds = log(largest.until_fitted / smallest.until_fitted)
    driver, rows = largest.driver_mib - second.driver_mib, largest.rows - second.rows
    return {
        "growth_exponent": seconds / log(largest.rows / smallest.rows),
        "driver_growth_mib_per_10m_rows": driver / rows * 1e7,
    }


def _size(rows: int) -> Measured:
    """Train on about so many bars, on servers of their own."""
    symbols = tuple(f"S{number}" for number in range(max(rows * SYMBOLS_A_MILLION // 1_000_000, 1)))
    with folder("train") as home:
        s = settings_in(home, symbols=symbols)
        jars.fetch("s3a", s.jars)
        with object_store(s) as lake, database(s):
            _store(lake, symbols, rows // len(symbols) // 390)
            with running(mlflow.program(s, ensure_secrets(s)), s):
                return measure_training(s, str(home / "ready"))


def _store(lake: Lake, symbols: tuple[str, ...], sessions: int) -> None:
    ts = minutes_of(FIRST, sessions)
    for seed, symbol in enumerate(symbols):
        bars = frame(symbol, walk(ts, seed, pull=0.2), lake.source)
        for month, part in bars.groupby(bars["ts"].dt.strftime("%Y-%m")):
            lake.write_clean(symbol, str(month), part)


def measure_training(s: Settings, ready: str) -> Measured:
    """Train on what is stored, in a process of its own that leaves its rows in the folder `ready`."""
    argv, env = [PYTHON, "-m", "benchmarks._training", ready], os.environ | environment(s)
    found = Measured()
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        driver = psutil.Process(process.pid)
        whole, own = highest(lambda: memory(driver.pid), 0.5), highest(lambda: own_memory(driver), 0.5)
        with whole as family_mib, own as driver_mib:
            _listen(process, found, until="rows")
        _listen(process, found, until="nothing")
    found.peak_gib, found.driver_mib = family_mib.value / 1024, driver_mib.value
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
    judged = [one.seconds[WALK_FORWARD] / one.seconds[BARE] for one in found]
    table.add_row("walk-forward, over MLlib's fit alone", *(f"{ratio:.2f}" for ratio in judged))
    table.add_row("peak memory, GiB", *(f"{one.peak_gib:.2f}" for one in found))
    table.add_row("the driver's Python, MiB", *(f"{one.driver_mib:.0f}" for one in found))
    return table
