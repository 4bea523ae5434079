"""Two weeks of sessions at a quick clock: what each store, folder and table takes, and what `maintain` gives back."""

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from benchmarks._airflow import installation, local, set_clock
from benchmarks._servers import folder
from local import first_training, probes
from local.airflow_client import Airflow
from local.secrets import ensure_secrets
from local.servers.airflow import airflow_environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import DATABASES, Settings
from stock_ml.disk import PREFIX, used_bytes

SESSIONS, QUICK = 10, 400.0  # market seconds a second: a session passes in a minute
MIB = 1 << 20
MAINTAIN, MONITOR = "maintain", "monitor_forecasts"
TABLES = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1
"""
Sizes = dict[str, float]
# `airflow db clean` would delete the DAGs themselves, as those last read before a time
FORGET = """
from stock_ml.config import load
from stock_ml.maintenance import cleanup
s = load().model_copy(update={"keep_archived_days": 0, "keep_log_days": 0, "keep_raw_days": 0})
cleanup.forget_runs(s), cleanup.forget_old(s)
"""


def run(console: Console, sessions: int = SESSIONS) -> dict[str, float]:
    """Live through the sessions, maintain, leave nothing running, and return sizes: MiB, rows and objects.

    Weeks pass in minutes, so nothing is as old as the days that settings keep. In the end the same cleanup runs
    with no days to keep.
    """
    given = {"source": "sandbox", "history_months": 1, "retrain_sessions": 1}
    kept = {"keep_sessions": 3, "keep_runs": 3, "keep_backups": 2, "keep_log_days": 1, "keep_raw_days": 1}
    with folder("growth") as home, installation(home, **given, **kept) as s:
        local(s, "up")
        set_clock(s, paused=True)
        airflow, looks = Airflow(s, ensure_secrets(s)), {"begin": sizes(s)}
        for number in range(1, sessions + 1):
            _pass_session(s, airflow)
            if number == sessions // 2:
                looks["half"] = sizes(s)
        looks["end"] = sizes(s)
        for number in range(2):  # the second run finds what the first one made old
            first_training.wait_for_run(airflow, MAINTAIN, airflow.trigger(MAINTAIN, f"look {number}"))
        looks["after maintain"] = sizes(s)
        _forget(s)
        looks["without days"] = sizes(s)
    grown = sorted({name for look in looks.values() for name in look if look[name] > looks["begin"].get(name, 0)})
    console.print(_table(looks, grown))
    before = {f"{name}_before": looks["end"].get(name, 0) for name in grown}
    return before | {f"{name}_after": looks["without days"].get(name, 0) for name in grown}


def sizes(s: Settings) -> Sizes:
    """Return what everything that grows takes now."""
    folders = {f"{path.name}_folder_mib": used_bytes(path) / MIB for path in s.state.glob("*") if path.is_dir()}
    found = folders | _databases(s) | _objects(s) | {"temporary_mib": _temporary()}
    return {name: round(value, 1) for name, value in sorted(found.items())}


def _pass_session(s: Settings, airflow: Airflow) -> None:
    """Let a session close, then stand until monitoring and training of it are through."""
    known = {dag: len(_ended(airflow, dag)) for dag in (MONITOR, first_training.TRAIN)}
    set_clock(s, paused=False, speed=QUICK)
    for dag, count in known.items():
        probes.wait(f"a run of {dag}", _more(airflow, dag, count), 900)
        set_clock(s, paused=True)  # the night


def _forget(s: Settings) -> None:
    """Run what `maintain` runs to forget, with no days to keep. Raises CalledProcessError."""
    env = os.environ | airflow_environment(s, ensure_secrets(s))
    subprocess.run([PYTHON, "-c", FORGET], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


def _more(airflow: Airflow, dag: str, count: int) -> Callable[[], bool]:
    return lambda: len(_ended(airflow, dag)) > count


def _ended(airflow: Airflow, dag: str) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(dag, 100) if run["state"] in ("success", "failed")]


def _databases(s: Settings) -> Sizes:
    found: Sizes = {}
    for database in DATABASES:
        with psycopg.connect(s.postgres(database)) as connection:
            (size,) = connection.execute("select pg_database_size(current_database())").fetchone() or (0,)
            found[f"{database}_database_mib"] = size / MIB
            for (table,) in connection.execute(TABLES).fetchall():
                query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
                (found[f"{database}_{table}_rows"],) = connection.execute(query).fetchone() or (0,)
    return found


def _objects(s: Settings) -> Sizes:
    client, found = Objects.connect(s).client, Counter[str]()
    for bucket in client.list_buckets()["Buckets"]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for each in page.get("Contents", []):
                name = _kind(each["Key"])
                found[f"s3_{name}_objects"] += 1
                found[f"s3_{name}_mib"] += each["Size"] / MIB
    return dict(found)


def _kind(key: str) -> str:
    """Return a key's folder, with what stands below its source: "quality_runs" of quality/source=S/runs/1.json."""
    folder, _, below, *_ = key.split("/")
    return f"{folder}_{below.partition('=')[0]}" if folder in ("archive", "quality") else folder


def _temporary() -> float:
    place = Path(tempfile.gettempdir())
    left = [path for pattern in (f"{PREFIX}*", "spark-*", "blockmgr-*") for path in place.glob(pattern)]
    return sum(used_bytes(path) for path in left) / MIB


def _table(looks: dict[str, Sizes], names: list[str]) -> Table:
    table = Table("", *looks)
    for name in names:
        table.add_row(name.replace("_", " "), *(f"{look.get(name, 0):,.1f}" for look in looks.values()))
    return table
