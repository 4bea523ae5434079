"""Stop an installation, or forget it."""

import shutil

import typer
from rich.console import Console

from local.installation import LAST_TO_STOP
from local.servers import postgres_upgrade, seaweed
from local.supervisor import orphans
from local.supervisor.supervisor import Supervisor
from local.watchdog import program as watchdog
from stock_ml.config import Settings
from stock_ml.errors import HostError


def down(s: Settings, console: Console) -> None:
    """Stop every process of the installation; its data stay."""
    supervisor = Supervisor(s)
    was = orphans.leader(s.state)
    if supervisor.is_up():
        supervisor.stop(LAST_TO_STOP, first=watchdog.NAME)
    orphans.end(s.state, was)
    postgres_upgrade.end_servers(s)
    seaweed.remove_sockets(s)
    console.print(f"stopped; the data of source {s.source} stay in {s.state}")


def reset(s: Settings, console: Console, *, sure: bool) -> None:
    """Stop the installation and delete its folder: bars, models, runs, logs, secrets."""
    if not s.state.exists():
        console.print(f"there is no {s.state}: nothing to delete")
        return
    question = f"Delete {s.state} with all bars, models, runs and logs of source {s.source}?"
    if not sure and not typer.confirm(question):
        console.print("nothing was deleted")
        return
    down(s, console)
    shutil.rmtree(s.state, ignore_errors=True)  # a process that is just ending may still write a file
    if s.state.exists():
        raise HostError(f"{s.state} could not be deleted whole: `make reset` again, or delete it by hand")
    console.print(f"deleted {s.state}")
