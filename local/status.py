"""Show how an installation is doing."""

import os
import time

from rich.console import Console
from rich.table import Table

from local import first_training
from local.airflow_client import Airflow
from local.memory import memory
from local.secrets import ensure_secrets, with_secrets
from local.supervisor.configuration import log_file
from local.supervisor.supervisor import Supervisor
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.config import Settings
from stock_ml.errors import HostError, RegistryUnavailable, StoreUnavailable


def status(s: Settings, console: Console) -> None:
    """Print each process, each DAG's last run, the champion, and how many forecasts are late."""
    supervisor = Supervisor(s)
    if not supervisor.is_up():
        console.print(f"source {s.source}: nothing runs; `make up` starts it")
        return
    console.print(_processes(supervisor))
    console.print(_dags(s))
    console.print(f"champion: {champion(with_secrets(s, ensure_secrets(s)))}")
    console.print(f"late forecasts: {late_forecasts(s)}")


def follow(s: Settings, name: str, console: Console) -> None:
    """Print the end of a program's log and what is added to it, until interrupted.

    Raises HostError naming the logs that there are.
    """
    path = log_file(s.state, name)
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.log"))
        raise HostError(f"no log is called {name!r}; there are: {', '.join(known)}")
    console.print(f"[dim]{path}[/]")
    os.execvp("tail", ["tail", "-n", "100", "-F", str(path)])


def _processes(supervisor: Supervisor) -> Table:
    table = Table("process", "state", "pid", "up for", "memory MiB")
    for p in supervisor.processes():
        up_for = f"{(time.time() - p['start']) / 60:.0f} min" if p["pid"] else ""
        table.add_row(p["name"], p["statename"].lower(), str(p["pid"] or ""), up_for, f"{memory(p['pid']):.0f}")
    return table


def _dags(s: Settings) -> Table:
    table = Table("DAG", "last run", "state", "ended")
    airflow = Airflow(s, ensure_secrets(s))
    for dag in first_training.DAGS:
        try:
            runs = airflow.runs(dag, 1)
        except HostError:
            table.add_row(dag, "Airflow does not answer", "", "")
            continue
        if runs:
            table.add_row(dag, runs[0]["dag_run_id"], runs[0]["state"], (runs[0]["end_date"] or "")[:19])
        else:
            table.add_row(dag, "none yet", "", "")
    return table


def champion(s: Settings) -> str:
    """Return in words which version of the model serves, or why that is not known."""
    try:
        version = rest.champion(s)
    except RegistryUnavailable as error:
        return str(error)
    return f"{s.mlflow_model} version {version.version}" if version else "none yet"


def late_forecasts(s: Settings) -> str:
    """Return in words which share of the newest forecasts is late, or why that is not known."""
    reader = ForecastReader.connect(with_secrets(s, ensure_secrets(s)))
    try:
        report = reader.monitoring().report
    except StoreUnavailable as error:
        return str(error)
    finally:
        reader.close()
    if report is None or report["late"] is None:
        return "not evaluated yet"
    return report["alarm"] or f"{report['late']:.0%}"
