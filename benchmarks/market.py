"""A session of 10,000 symbols from the exchange through Airflow to clean bars; a training on 20 sessions of many."""

import multiprocessing
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event, Thread

import psutil
import requests
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import set_clock
from benchmarks._servers import database, folder, object_store, peak_memory, service
from benchmarks.train import MIB, Measured, trained
from local import first_training, jars, probes
from local.airflow_client import Airflow
from local.down import down
from local.installation import Installation, describe, steps
from local.progress import ProgressDisplay
from local.secrets import ensure_secrets
from local.servers import kafka, mlflow
from local.startup_steps import run_all
from local.supervisor.program import Program
from local.supervisor.supervisor import Supervisor
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.ingestion.download import download
from stock_ml.ingestion.plan import make_plan
from stock_ml.ingestion.request_form import IngestRequest
from tests.servers import running, settings_in

NAMES = ("postgres", "s3", "kafka", "mlflow", "sandbox", "airflow-")  # no live bars: the ingest is what is measured
STEPS = ("databases", "tables", "kafka-user", "topics", "airflow-tables", kafka.JARS)
DAY, MONTH = "2024-03-01", "2024-02"  # the first session of its month, and a month of 20 sessions before it
SESSION = 390 * 60 + 60  # market seconds from the open until its last bar is shown
TRAINED, SMALLER = 1_400, 0.3  # symbols of 20 sessions, ten million rows; the share of them that is trained on first
GIB = 1024**3
FORM = {"from": DAY, "to": DAY}
LOOP = re.compile(r"Ran scheduling loop in ([\d.]+) ms")
LOG_LOOPS = {"AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow.jobs.scheduler_job_runner=DEBUG"}
Found = dict[str, float]


def run(console: Console, symbols: int = 10_000, trained_symbols: int = TRAINED) -> Found:
    """Ingest a session of so many symbols, train on 20 sessions of so many, and return the figures."""
    with folder("market") as home, _installation(home, symbols) as made:
        found = _ingest(made)
    console.print(_table("ingest", found))
    with folder("market") as home:
        figures = _training(home, trained_symbols)
    console.print(_table("training", figures))
    found["peak_gib"] = max(found["peak_gib"], figures.pop("peak_gib"))
    return {name: round(value, 3) for name, value in (found | figures).items()}


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"S{number:05}" for number in range(count))


@contextmanager
def _installation(home: Path, count: int) -> Iterator[Installation]:
    """Give an installation that is up, its exchange's clock paused at the end of its first session."""
    given = {"symbols": _names(count), "history_months": 1, "labels": "start", "sandbox_start": DAY}
    made = describe(settings_in(home, source="sandbox", **given))
    made = replace(made, programs=[_told(p) for p in made.programs if p.name.startswith(NAMES)])
    try:
        _up(made)
        yield made
    finally:
        down(made.settings, Console(quiet=True))


def _told(program: Program) -> Program:
    """Let the scheduler log how long each of its loops took."""
    return replace(program, env={**program.env, **LOG_LOOPS}) if program.name == "airflow-scheduler" else program


def _up(made: Installation) -> None:
    supervisor, console = Supervisor(made.settings), Console(quiet=True)
    supervisor.load(made.programs)
    names = {*STEPS, *(p.name for p in made.programs)}
    with ProgressDisplay(console) as display:
        run_all([step for step in steps(made, supervisor, console) if step.name in names], display)
    set_clock(made.settings, paused=True, advance=SESSION)


def _ingest(made: Installation) -> Found:
    """Ingest the session through Airflow, and return what it took. Raises PipelineFailed where a symbol fails."""
    s, airflow = made.settings, Airflow(made.settings, made.secrets)
    probes.wait(first_training.INGEST, lambda: airflow.is_ready(first_training.INGEST))
    airflow.request("PATCH", f"dags/{first_training.TRAIN}", body={"is_paused": True})  # a session is too few for it
    scheduler = psutil.Process(int(Supervisor(s).process("airflow-scheduler")["pid"]))
    supervisor = scheduler.parent()
    before, begun, stopping = _answered(s), time.monotonic(), Event()
    tasks = peak_memory(lambda: max(map(_memory, scheduler.children(recursive=True)), default=0), 1)
    whole = peak_memory(lambda: sum(map(_memory, supervisor.children(recursive=True) if supervisor else [])), 2)
    pages = Pages(Airflow(s, made.secrets), stopping)
    with tasks as task, whole as all_processes, pages.watched():
        first_training.wait_for_run(airflow, first_training.INGEST, airflow.trigger(first_training.INGEST, form=FORM))
    seconds = time.monotonic() - begun
    return {
        "symbols": len(s.symbols),
        "ingest_s": seconds,
        "requests": _answered(s) - before,
        "peak_mib_task": task.bytes / MIB,
        "peak_gib": all_processes.bytes / GIB,
        "scheduler_loop_s": max(_loops(s)),
        "page_s": pages.slowest,
    }


@dataclass
class Pages:
    """Request what Airflow's page of a run shows, again and again, and note the slowest response in seconds."""

    airflow: Airflow
    stopping: Event
    slowest: float = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Request until the block ends."""
        thread = Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()

    def _watch(self) -> None:
        while not self.stopping.wait(2):
            begun = time.monotonic()
            for run in self.airflow.runs(first_training.INGEST, 1):
                self.airflow.tasks(first_training.INGEST, run["dag_run_id"])
            self.slowest = max(self.slowest, time.monotonic() - begun)


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return int(process.memory_full_info().pss)
    return 0


def _loops(s: Settings) -> list[float]:
    """Return the seconds of each of the scheduler's loops."""
    return [float(ms) / 1000 for ms in LOOP.findall((s.state / "logs" / "airflow-scheduler.log").read_text())]


def _answered(s: Settings) -> int:
    return sum(requests.get(f"{s.sandbox}/answered", timeout=30).json().values())


def _training(home: Path, count: int) -> Found:
    """Train on a month of a share of the symbols, then of all, and return what that took."""
    s = settings_in(home, source="sandbox", symbols=_names(count), labels="start", sandbox_start=DAY)
    jars.fetch("s3a", s.jars)
    with object_store(s), database(s), running(service(s, "sandbox"), s):
        set_clock(s, paused=True)
        smaller = s.symbols[: round(count * SMALLER)]
        _store(s, smaller)
        with running(mlflow.program(s, ensure_secrets(s)), s):
            less = trained(s.model_copy(update={"symbols": smaller}), str(home / "less"))
            _store(s, s.symbols[len(smaller) :])
            more = trained(s, str(home / "more"))
    return _figures(less, more)


def _store(s: Settings, symbols: tuple[str, ...]) -> None:
    """Ingest the month of these symbols, two at once."""
    items = make_plan(s, IngestRequest(symbols, (MONTH,))).items
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(_symbol, s), items, chunksize=20))


def _symbol(s: Settings, item: IngestItem) -> None:
    clean_symbol(s, download(s, item))


def _figures(less: Measured, more: Measured) -> Found:
    steps = ("load and features", "walk-forward", "register")
    return {
        "rows_trained": more.rows,
        "train_s": sum(more.seconds[step] for step in steps),
        "driver_mib": more.driver_mib,
        "driver_growth_mib_per_10m_rows": (more.driver_mib - less.driver_mib) / (more.rows - less.rows) * 1e7,
        "peak_gib": more.peak_gib,
    }


def _table(title: str, found: Found) -> Table:
    table = Table("figure", "measured", title=title)
    for name, value in found.items():
        table.add_row(name, f"{value:,.2f}")
    return table
