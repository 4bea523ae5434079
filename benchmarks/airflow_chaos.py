"""kill -9 of each of Airflow's parts and of a task, one after the other in mid-run: how runs end, what is twice."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import count_versions, installation, local, set_clock
from benchmarks._servers import folder
from local import first_training, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.supervisor.supervisor import Supervisor
from stock_ml.adapters.broker import ClosedSession, Publisher
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings

MONTHS = {"scheduler": "2023-06", "api-server": "2023-07", "dag-processor": "2023-08", "triggerer": "2023-09"}
ANNOUNCED = ClosedSession("XNYS", "2024-02-29", 1709240400)
TASKS = {first_training.INGEST: "ingest", first_training.TRAIN: "train"}  # in which the blow falls
BEGUN = ("running", "success")


@dataclass
class Disturbance:
    """Kill parts of a stack's Airflow, and remember how many seconds each run took to its end."""

    s: Settings
    airflow: Airflow
    seconds_by_part: dict[str, float] = field(default_factory=dict)

    def make(self) -> None:
        """Do it all; raises PipelineFailed where a run does not end well."""
        for part, month in MONTHS.items():
            form = {"from": f"{month}-01", "to": f"{month}-28"}
            self._disturb(part, first_training.INGEST, form)
        self._announce()
        self._disturb("task", first_training.TRAIN)

    def _disturb(self, what: str, dag: str, form: dict[str, str] | None = None) -> None:
        begun, task = time.monotonic(), TASKS[dag]
        run = self.airflow.trigger(dag, f"{what} is killed", form)
        probes.wait(task, lambda: self._state(dag, run, task) in BEGUN, 180)
        if what in MONTHS:
            self._kill(what)
        else:
            self._kill_task()
        first_training.wait_for_run(self.airflow, dag, run)
        self.seconds_by_part[what] = time.monotonic() - begun

    def _state(self, dag: str, run: str, task: str) -> str:
        return next((str(t["state"]) for t in self.airflow.tasks(dag, run) if t["task_id"] == task), "")

    def _kill(self, part: str) -> None:
        os.kill(int(Supervisor(self.s).process(f"airflow-{part}")["pid"]), signal.SIGKILL)

    def _kill_task(self) -> None:
        time.sleep(5)  # Spark is up by then
        scheduler = psutil.Process(int(Supervisor(self.s).process("airflow-scheduler")["pid"]))
        (task,) = _tasks(scheduler)
        task.kill()

    def _announce(self) -> None:
        """See that the triggerer, which was killed, still turns a message into a run."""
        known, begun = len(self.airflow.runs(first_training.INGEST, 100)), time.monotonic()
        publisher = Publisher.connect(self.s)
        publisher.session(ANNOUNCED)
        publisher.flush(10)
        probes.wait("a run by event", lambda: len(self.airflow.runs(first_training.INGEST, 100)) > known, 180)
        first_training.wait_for_run(
            self.airflow, first_training.INGEST, self.airflow.runs(first_training.INGEST, 1)[0]["dag_run_id"]
        )
        self.seconds_by_part["the triggerer's next event"] = time.monotonic() - begun


def run(console: Console) -> dict[str, float]:
    """Disturb a stack of its own, leave nothing running, and return the figures."""
    given = {"source": "sandbox", "symbols": ("GOOGL", "MSFT"), "history_months": 1}
    with folder("airflow") as home, installation(home, **given) as s:
        local(s, "up")
        set_clock(s, paused=True)
        before = count_versions(s)
        disturbance = Disturbance(s, Airflow(s, ensure_secrets(s)))
        disturbance.make()
        objects, made = _objects(s), count_versions(s) - before
    console.print(_table(disturbance.seconds_by_part))
    figures = {"kills": 5, "runs_ended_well": len(disturbance.seconds_by_part), "objects": len(objects)}
    twice = sum(count - 1 for count in objects.values())
    longest = round(max(disturbance.seconds_by_part.values()), 1)
    return figures | {"duplicates": twice, "versions_made": made, "longest_s": longest}


def _tasks(scheduler: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the processes that run tasks, not those of the executor, which look after them."""
    for process in scheduler.children(recursive=True):
        words = " ".join(process.cmdline())
        if words.startswith("airflow worker -- ") and "LocalExecutor" not in words:
            yield process


def _objects(s: Settings) -> dict[tuple[str, str], int]:
    """Count the answers stored of each symbol's month: more than one of a month that was over is one too many."""
    lake = Lake.connect(s)
    return {(symbol, month): len(lake.raw_keys(symbol, month)) for symbol in s.symbols for month in MONTHS.values()}


def _table(seconds_by_part: dict[str, float]) -> Table:
    table = Table("killed in mid-run", "s to the run's good end")
    for what, seconds in seconds_by_part.items():
        table.add_row(what, f"{seconds:.1f}")
    return table
