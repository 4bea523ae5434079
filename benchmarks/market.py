"""A session of 10,000 symbols from the exchange through Airflow to clean bars; a training on 20 sessions of many."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import set_clock
from benchmarks._servers import database, folder, highest, object_store, service
from benchmarks._stack import STEPS, start_programs
from benchmarks.ingest import count_requests, ingest_items
from benchmarks.train import Measured, measure_training
from local import first_training, jars, probes
from local.airflow_client import Airflow
from local.down import down
from local.installation import Installation, describe
from local.memory import memory, own_memory
from local.secrets import ensure_secrets
from local.servers import kafka, mlflow
from local.supervisor.program import Program
from local.supervisor.supervisor import Supervisor
from stock_ml.config import Settings
from stock_ml.ingestion.plan import make_plan
from stock_ml.ingestion.request_form import IngestRequest
from tests.servers import running, settings_in

NAMES = ("postgres", "s3", "kafka", "mlflow", "sandbox", "airflow-")  # no live bars: the ingest is what is measured
DAY, MONTH = "2024-03-01", "2024-02"  # the first session of its month, and a month of 20 sessions before it
SESSION = 390 * 60 + 60  # market seconds from the open until its last bar is shown
TRAINED, SMALLER = 1_400, 0.3  # symbols of 20 sessions, ten million rows; the share of them that is trained on first
FORM = {"from": DAY, "to": DAY}
LOOP = re.compile(r"Ran scheduling loop in ([\d.]+) ms")
LOOPS_LOGGED = {"AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow.jobs.scheduler_job_runner=DEBUG"}
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
    made = replace(made, programs=[_log_loops(p) for p in made.programs if p.name.startswith(NAMES)])
    try:
        start_programs(made, Supervisor(made.settings), (*STEPS, kafka.JARS, "airflow-tables"))
        set_clock(made.settings, paused=True, advance=SESSION)
        yield made
    finally:
        down(made.settings, Console(quiet=True))


def _log_loops(program: Program) -> Program:
    """Let the scheduler log how long each of its loops took."""
    return replace(program, env={**program.env, **LOOPS_LOGGED}) if program.name == "airflow-scheduler" else program


def _ingest(made: Installation) -> Found:
    """Ingest the session through Airflow, and return what it took. Raises PipelineFailed where a symbol fails."""
    s, airflow = made.settings, Airflow(made.settings, made.secrets)
    probes.wait(first_training.INGEST, lambda: airflow.is_ready(first_training.INGEST))
    airflow.request("PATCH", f"dags/{first_training.TRAIN}", body={"is_paused": True})  # a session is too few for it
    scheduler = psutil.Process(int(Supervisor(s).process("airflow-scheduler")["pid"]))
    reader = Airflow(s, made.secrets)
    _page_seconds(reader)  # it logs in, once
    before, begun = count_requests(s), time.monotonic()
    tasks = highest(lambda: max(map(own_memory, scheduler.children(recursive=True)), default=0), 1)
    whole, pages = highest(lambda: memory(scheduler.ppid()), 2), highest(lambda: _page_seconds(reader), 2)
    with tasks as task, whole as family, pages as page:
        first_training.wait_for_run(airflow, first_training.INGEST, airflow.trigger(first_training.INGEST, form=FORM))
    seconds = time.monotonic() - begun
    return {
        "symbols": len(s.symbols),
        "ingest_s": seconds,
        "requests": count_requests(s) - before,
        "peak_mib_task": task.value,
        "peak_gib": family.value / 1024,
        "scheduler_loop_s": max(_loops(s)),
        "page_s": page.value,
    }


def _page_seconds(airflow: Airflow) -> float:
    """Request what Airflow's page of the newest run shows, and return the seconds of it."""
    begun = time.monotonic()
    for run in airflow.runs(first_training.INGEST, 1):
        airflow.tasks(first_training.INGEST, run["dag_run_id"])
    return time.monotonic() - begun


def _loops(s: Settings) -> list[float]:
    """Return the seconds of each of the scheduler's loops."""
    return [float(ms) / 1000 for ms in LOOP.findall((s.state / "logs" / "airflow-scheduler.log").read_text())]


def _training(home: Path, count: int) -> Found:
    """Train on a month of a share of the symbols, then of all, and return what that took."""
    s = settings_in(home, source="sandbox", symbols=_names(count), labels="start", sandbox_start=DAY)
    jars.fetch("s3a", s.jars)
    with object_store(s), database(s), running(service(s, "sandbox"), s):
        set_clock(s, paused=True)
        smaller = s.symbols[: round(count * SMALLER)]
        _store(s, smaller)
        with running(mlflow.program(s, ensure_secrets(s)), s):
            less = measure_training(s.model_copy(update={"symbols": smaller}), str(home / "less"))
            _store(s, s.symbols[len(smaller) :])
            more = measure_training(s, str(home / "more"))
    return _figures(less, more)


def _store(s: Settings, symbols: tuple[str, ...]) -> None:
    ingest_items(s, make_plan(s, IngestRequest(symbols, (MONTH,))).items)


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
