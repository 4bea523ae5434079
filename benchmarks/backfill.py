"""`airflow backfill create` over many sessions on the whole stack: runs, requests, events, the training after it."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import count_versions, installation, local, market_time, set_clock
from benchmarks._servers import folder, service
from local import first_training, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.servers import airflow as orchestration
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.postgres.request_quota import RequestQuota
from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions
from tests.servers import running, settings_in

KEY = "of the benchmark"
LONGEST = 3 * 3600  # seconds for all of it
QUICK, SLOW, BEFORE = 3600.0, 60.0, 1500  # market seconds a second, and from how many before a close on slow
Found = dict[str, float]


def run(console: Console, **given: int) -> Found:
    """Backfill so many `sessions` (20), leave nothing running, and return the figures.

    The key's source is a sandbox exchange beside the stack: nothing goes to the network.
    """
    with folder("backfill") as home, _exchange(home / "exchange") as address:
        source = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr(KEY), "alphavantage_url": address}
        with installation(home / "stack", symbols=("GOOGL",), history_months=1, **source) as s:
            local(s, "up")
            found = _backfilled(s, _span(given.get("sessions", 20)))
    console.print(_table(found))
    return {name: round(value, 2) for name, value in found.items()}


@contextmanager
def _exchange(home: Path) -> Iterator[str]:
    """Run a sandbox exchange whose clock stands after the newest session, and give the address to ask.

    So the producer, which shares the key's requests, has all there is and asks no more.
    """
    calendar = sessions("XNYS")
    newest = int(np.searchsorted(calendar.closes, time.time())) - 1
    s = settings_in(home, source="sandbox", sandbox_start=str(calendar.dates[newest]), sandbox_speed=QUICK)
    with running(service(s, "sandbox"), s):
        close = float(calendar.closes[newest])
        probes.wait("the close", lambda: market_time(s) >= close - BEFORE, 60)
        set_clock(s, speed=SLOW)  # it stands for two minutes after a close
        probes.wait("the close", lambda: market_time(s) >= close, 60)
        set_clock(s, paused=True)
        yield f"{s.sandbox}/query"


def _span(count: int) -> list[str]:
    """Return so many days of sessions that end before the months that the stack fetches by itself."""
    calendar = sessions("XNYS")
    dates = calendar.dates[calendar.dates < np.datetime64("now", "M").astype("M8[D]") - np.timedelta64(92, "D")]
    return [str(date) for date in dates[-count:]]


@dataclass(frozen=True)
class Counts:
    """Count what there is of runs, events, requests and versions."""

    made: int
    well: int
    events: int
    requests: int
    versions: int

    @classmethod
    def now(cls, s: Settings, airflow: Airflow) -> "Counts":
        """Count at this moment."""
        events = airflow.get("assets/events", {"source_dag_id": first_training.INGEST, "limit": 1})["total_entries"]
        made = _count(airflow, first_training.INGEST, run_type="backfill")
        well = _count(airflow, first_training.INGEST, run_type="backfill", state="success")
        return cls(made, well, int(events), RequestQuota.connect(s).used_today(), count_versions(s))


def _backfilled(s: Settings, days: list[str]) -> Found:
    airflow = Airflow(s, ensure_secrets(s))
    before, begun = Counts.now(s, airflow), time.monotonic()
    _create(s, days)
    probes.wait("the backfill", lambda: _count(airflow, first_training.INGEST, run_type="backfill") >= len(days), 300)
    probes.wait("its runs", lambda: not _count_active(airflow, first_training.INGEST), LONGEST)
    took = time.monotonic() - begun
    probes.wait("a training", lambda: count_versions(s) > before.versions, 600)
    probes.wait("what waits behind it", lambda: not _count_active(airflow, first_training.TRAIN), 600)
    after = Counts.now(s, airflow)
    found = {name: getattr(after, name) - getattr(before, name) for name in ("made", "well", "events", "requests")}
    found |= {"trainings": after.versions - before.versions, "train_runs": _count(airflow, first_training.TRAIN)}
    return found | {"seconds": took, "a_session_s": took / len(days), "with_training_s": time.monotonic() - begun}


def _create(s: Settings, days: list[str]) -> None:
    """Ask Airflow for a run of each session. Raises CalledProcessError."""
    after = str(np.datetime64(days[-1]) + 1)
    argv = [PYTHON, "-m", "airflow", "backfill", "create", "--dag-id", first_training.INGEST]
    env = os.environ | orchestration.airflow_environment(s, ensure_secrets(s))
    span = ["--from-date", days[0], "--to-date", after]
    subprocess.run([*argv, *span], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


def _count_active(airflow: Airflow, dag: str) -> int:
    return sum(_count(airflow, dag, state=state) for state in ("queued", "running"))


def _count(airflow: Airflow, dag: str, **which: str) -> int:
    return int(airflow.get(f"dags/{dag}/dagRuns", {"limit": 1, **which})["total_entries"])


def _table(found: Found) -> Table:
    table = Table("what", "", title="a backfill, and what followed it")
    for name, value in found.items():
        table.add_row(name, f"{value:,.1f}".removesuffix(".0"))
    return table
