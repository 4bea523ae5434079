"""From a trigger to the moved alias: five symbols and a month of the sandbox; cold, and again each session later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from mlflow import MlflowClient
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import champion, installation, local, set_clock
from benchmarks._servers import folder
from local import first_training, jars, probes
from local.airflow_client import Airflow, TaskInstance
from local.secrets import ensure_secrets
from local.supervisor.program import ROOT
from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.rest import tags
from stock_ml.config import Settings

QUICK = 600  # market seconds a second: a session passes in 40
REACHED = ("spark", "fitted", "judged", "registered")  # what a training notes, in its order
Span = tuple[float, float]


@dataclass(frozen=True)
class Timing:
    """Hold the seconds from the trigger to the alias, and of each part; parts of different symbols overlap."""

    total: float
    parts: dict[str, float]


def run(console: Console) -> dict[str, float]:
    """Measure both, leave nothing running, and return the figures."""
    given = {"source": "sandbox", "history_months": 1, "retrain_sessions": 1}
    with folder("pipeline") as home, installation(home, jars=_jars(home), **given) as s:
        local(s, "up")
        airflow = Airflow(s, ensure_secrets(s))
        cold = _timing(s, airflow)
        archiving = _a_session_later(s, airflow)
        incremental = _a_session_later(s, airflow)
    passes = {"cold s": cold, "archives classes, s": archiving, "incremental s": incremental}
    console.print(_table(passes))
    share = max(timing.parts["scheduling"] / timing.total for timing in passes.values())
    figures = {"cold_s": cold.total, "archiving_s": archiving.total, "incremental_s": incremental.total}
    figures["scheduling_share"] = share
    return {name: round(value, 3) for name, value in figures.items()}


def _jars(home: Path) -> Path:
    """Return a folder with the fetched jars and nothing that an earlier training left beside them."""
    (own := home / "jars").mkdir()
    for name in ("kafka", "s3a"):
        (own / name).symlink_to(jars.fetch(name, ROOT / ".cache" / "jars").resolve())
    return own


def _a_session_later(s: Settings, airflow: Airflow) -> Timing:
    """Let the market's session end, which triggers all by itself, and return what that took."""
    before = champion(s).version
    set_clock(s, speed=QUICK)
    known = len(airflow.runs(first_training.INGEST))
    probes.wait("a session's end", lambda: len(airflow.runs(first_training.INGEST)) > known, 300)
    set_clock(s, speed=1)
    probes.wait("the next champion", lambda: champion(s).version != before, 600)
    probes.wait(
        "the run's end", lambda: airflow.runs(first_training.TRAIN)[0]["state"] in first_training.END_STATES, 120
    )
    return _timing(s, airflow)


def _timing(s: Settings, airflow: Airflow) -> Timing:
    """Return what the newest champion's training took, from the trigger of the ingest before it."""
    version = champion(s)
    until = datetime.fromisoformat(tags(version)["promoted_at"]).timestamp()
    train = next(run for run in airflow.runs(first_training.TRAIN) if _at(run["queued_at"]) < until)
    ingest = next(run for run in airflow.runs(first_training.INGEST) if _at(run["queued_at"]) < _at(train["queued_at"]))
    tasks = {
        dag: airflow.tasks(dag, run["dag_run_id"])
        for dag, run in ((first_training.INGEST, ingest), (first_training.TRAIN, train))
    }
    begun = _at(ingest["queued_at"])
    spans = [_span(task, until) for found in tasks.values() for task in found]
    parts = {"scheduling": until - begun - _covered(spans)}
    for part in ("create_bucket", "plan", "ingest", "publish"):
        parts[part] = _covered([_span(t, until) for t in tasks[first_training.INGEST] if t["task_id"] == part])
    return Timing(
        until - begun, parts | _training(s, version.run_id, _at(tasks[first_training.TRAIN][0]["start_date"]), until)
    )


def _training(s: Settings, run_id: str, started: float, until: float) -> dict[str, float]:
    """Return the seconds of each part of a training: its task's start, Spark's, fit, evaluation, registration."""
    with tracking.login(s):
        run = MlflowClient(s.mlflow, s.mlflow).get_run(run_id)
    begun = run.info.start_time / 1000
    moments = [begun, *(begun + run.data.metrics[f"reached/{name}"] for name in REACHED), until]
    names = ("imports", "Spark start", "read and fit", "evaluate", "register", "promote")
    seconds = [begun - started, *(after - before for before, after in pairwise(moments))]
    return dict(zip(names, seconds, strict=True))


def _span(task: TaskInstance, until: float) -> Span:
    return _at(task["start_date"]), min(_at(task["end_date"]), until)


def _covered(spans: Sequence[Span]) -> float:
    """Return how many seconds at least one of the spans covers."""
    total, end = 0.0, 0.0
    for begun, ended in sorted(spans):
        total += max(0.0, ended - max(begun, end))
        end = max(end, ended)
    return total


def _at(text: str | None) -> float:
    if text is None:
        raise RuntimeError("a task has not ended")
    return datetime.fromisoformat(text).timestamp()


def _table(passes: Mapping[str, Timing]) -> Table:
    table = Table("part", *passes, title="seconds from the trigger to the alias (symbols overlap)")
    for part in next(iter(passes.values())).parts:
        table.add_row(part, *(f"{timing.parts[part]:.1f}" for timing in passes.values()))
    table.add_section()
    table.add_row("all", *(f"{timing.total:.1f}" for timing in passes.values()))
    return table
