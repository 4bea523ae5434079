"""Start everything, and wait until the dashboard shows a live forecast."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TextIO

from rich.console import Console

from local import ports
from local.current_installation import remember
from local.installation import Installation, describe, steps
from local.progress import ProgressDisplay
from local.secrets import LOST, are_lost, make_private_folder
from local.servers import postgres_upgrade
from local.servers.airflow import address
from local.source_start import LAST_START, ask_first
from local.startup_steps import StepTime, run_all
from local.supervisor import orphans
from local.supervisor.supervisor import Supervisor
from local.watchdog.program import LOCK
from sandbox.exchange.market_identity import pin_origin
from stock_ml.adapters import host
from stock_ml.cleaning.label_convention import check_files
from stock_ml.cli.installation import last
from stock_ml.config import Settings
from stock_ml.errors import HostError, without_login


def up(settings: Settings, console: Console) -> dict[str, StepTime]:
    """Bring an installation up and return when each step began and ended.

    Raises HostError before anything is started where the machine lacks something, and later where a step fails;
    BadSetting where the sandbox's market was made with other settings, BadFile where a file cannot be read, SourceError
    where the source gives a new installation no bars.
    """
    host.java_version()
    _check_no_other(settings)
    _check_files(settings, console)
    make_private_folder(settings.state)
    with _lock(settings):
        pin_origin(settings)
        postgres_upgrade.check(settings)
        if are_lost(settings):
            console.print(LOST, markup=False)
        ask_first(settings, console)
        installation = replace(describe(settings), known=_known_symbols(settings))
        supervisor = Supervisor(installation.settings)
        _start_supervisor(installation, supervisor)
        remember(settings)
        with (
            postgres_upgrade.data_upgrade(installation.settings, partial(console.print, markup=False)),
            ProgressDisplay(console) as display,
        ):
            times = run_all(steps(installation, supervisor, console), display)
        (settings.state / LAST_START).write_text(json.dumps(times))
    _print_addresses(installation, console)
    return times


def _known_symbols(s: Settings) -> tuple[str, ...]:
    before = last()
    return before.symbols if before and before.state == s.state else ()


def _start_supervisor(installation: Installation, supervisor: Supervisor) -> None:
    if not supervisor.is_up():
        orphans.end(installation.settings.state)
    ports.check(installation.programs, _own_ports(installation, supervisor))
    supervisor.load(installation.programs)


def _own_ports(installation: Installation, supervisor: Supervisor) -> set[int]:
    # by the settings that they were started with: a port that is changed now must be free
    was = last()
    ran_with = was if was and was.state == installation.settings.state else installation.settings
    running = {p["name"] for p in supervisor.processes() if p["pid"]}
    return {getattr(ran_with, setting) for p in installation.programs if p.name in running for setting in p.ports}


def _check_files(settings: Settings, console: Console) -> None:
    """Print how the files to replay are read. Raises BadInput or NoBars before anything is started or remembered."""
    for text in check_files(settings) if settings.replayed else ():
        console.print(text, markup=False)


def _check_no_other(settings: Settings) -> None:
    other = last()
    if other and other.state != settings.state and Supervisor(other).is_up():
        raise HostError(f"the {other.source} installation is up: `make down` stops it, then `make up` again")


@contextmanager
def _lock(s: Settings) -> Iterator[None]:
    with (s.state / LOCK).open("w") as lock:
        if not _take(lock):
            raise HostError("another `make up` is at work on this installation: wait for it")
        yield


def _take(lock: TextIO) -> bool:
    for _ in range(10):  # the watchdog holds it for a moment when it looks whether somebody else does
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.1)
    return False


def _print_addresses(installation: Installation, console: Console) -> None:
    s, password = installation.settings, installation.secrets["AIRFLOW_ADMIN_PASSWORD"]
    rows = {
        "Dashboard": f"http://127.0.0.1:{s.dashboard_port}",
        "Airflow": f"{address(s)}  (admin / {password})",
        "MLflow": without_login(s.mlflow) + _login_of_mlflow(s),
    }
    if s.simulated:
        rows["Sandbox exchange"] = f"{without_login(s.sandbox)}  SIMULATED data"
    console.print()
    for name, place in rows.items():
        console.print(f"{name:17} {place}")


def _login_of_mlflow(s: Settings) -> str:
    """Return how to log in to the local server; who brings one knows."""
    password = s.mlflow_password.get_secret_value() if s.mlflow_password and s.mlflow_url is None else ""
    return f"  ({s.mlflow_username} / {password})" if password else ""
