"""`python -m local up|down|status|logs|replay|retire|restore|reset`: the commands behind the Makefile's."""

import os
import sys
import traceback
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from local import down as downs
from local import replay as replays
from local import restore as restoring
from local import status as statuses
from local import up as ups
from local.current_installation import recall
from local.secrets import ensure_secrets, with_secrets
from local.source_start import check_choice
from stock_ml.cli.installation import last
from stock_ml.config import load
from stock_ml.errors import StockMLError

INTERRUPTED = 130  # as shells say it, and typer
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def up() -> None:
    """Start everything, run the pipeline where no champion fits, and say where to look."""
    s = load()
    check_choice(s, last())
    ups.up(s, console)


@app.command()
def down() -> None:
    """Stop everything and keep the data."""
    downs.down(recall(), console)


@app.command()
def status() -> None:
    """Show each process and each DAG's last run."""
    statuses.status(recall(), console)


@app.command()
def logs(name: str) -> None:
    """Follow the log of one process."""
    statuses.follow(recall(), name, console)


@app.command()
def replay(first: str, last: str = "", speed: str = "max") -> None:
    """Publish stored sessions of the lake that the topic lacks."""
    replays.replay(recall(), first, last, speed)


@app.command()
def retire() -> None:
    """Move the oldest days from PostgreSQL to S3; Airflow does so by itself."""
    from stock_ml.maintenance import retention  # the other commands have no use for what it brings along

    s = recall()
    console.print(retention.retire(with_secrets(s, ensure_secrets(s))) or "no day is old enough")


@app.command()
def restore(name: str = "", yes: bool = False) -> None:
    """Stop what uses the databases, and put a backup in their place, after asking."""
    restoring.restore(recall(), name, console, sure=yes)


@app.command()
def reset(yes: bool = False) -> None:
    """Forget the installation and all its data, after asking."""
    downs.reset(recall(), console, sure=yes)


def main() -> int:
    """Run a command; an error is printed as one line, and so is Ctrl-C."""
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except StockMLError as error:
        stderr.print(f"[red]stopped:[/] {escape(str(error))}")
        return 1
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            stderr.print("interrupted: what runs goes on, `make up` continues, `make down` stops it")
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def end(code: int) -> NoReturn:
    """End at once: a step that still waits for a server must not hold up an error or Ctrl-C."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        end(main())
    finally:  # an unexpected error: print its trace
        traceback.print_exc()
        end(1)
