"""PostgreSQL 18 from a wheel: databases airflow, mlflow and stockml."""

import os
import shutil
from pathlib import Path

import psycopg
from psycopg import sql

from local.commands import run_command
from local.secrets import write_private
from local.servers.postgres_folders import MAJOR, Action, Folders, discard, next_action
from local.supervisor.program import Program
from stock_ml.adapters.postgres.connection import admin_connection
from stock_ml.adapters.postgres.dumps import binary
from stock_ml.config import Settings
from stock_ml.errors import HostError

NAME = "postgres"
DATABASES = ("airflow", "mlflow", "stockml")
Options = dict[str, str | int]
OTHER_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
# C sorts text by its bytes, so an upgrade of the C library never invalidates an index
LOCALE = ("--encoding=UTF8", "--locale=C")
# one right is kept, to reach files; without the secure bit access(2) would not know of it, and initdb asks access(2)
MAY_REACH_FILES = [
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
]


def program(s: Settings) -> Program:
    """Describe the server: TCP on loopback with a password, no unix socket."""
    argv = command(s, Folders(s.state).live)
    ports = {"postgres_port": s.postgres_port}
    return Program(NAME, tuple(argv), lambda: answers(s), ports, prepare=lambda: _create(s), stop_signal="INT")


def command(s: Settings, folder: Path, major: int = MAJOR, more: Options | None = None) -> list[str]:
    """Return the command line of a server on a data folder; `more` options go before the usual."""
    options: Options = {"listen_addresses": "127.0.0.1", "port": s.postgres_port, "unix_socket_directories": ""}
    options |= {"max_connections": 150, "log_min_messages": "warning"}
    # a minute of 10,000 symbols touches as many pages of each key; less room than they take costs a fifth more time
    options |= {"shared_buffers": "512MB", "max_wal_size": "2GB"}
    options["max_locks_per_transaction"] = 256  # a question without a time asks every day's partition
    argv = [*as_no_root(), str(binary("postgres", major)), "-D", str(folder)]
    return argv + [word for name, value in (options | (more or {})).items() for word in ("-c", f"{name}={value}")]


def answers(s: Settings, database: str = "postgres") -> bool:
    """Say whether the server takes connections."""
    try:
        psycopg.connect(s.postgres(database), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_databases(s: Settings) -> None:
    """Create the three databases where they are missing. Raises StoreUnavailable."""
    with admin_connection(s, "postgres") as connection:
        there = {name for (name,) in connection.execute("select datname from pg_database").fetchall()}
        for name in (n for n in DATABASES if n not in there):
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def as_no_root() -> list[str]:
    """Return the words before a command that let it run as another user than root, who may still reach every file."""
    # PostgreSQL refuses to run as root; another user must still reach a folder that only root may enter
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise HostError("PostgreSQL does not run as root, and setpriv (util-linux) is missing: run as another user")
    return [*OTHER_USER, *MAY_REACH_FILES]


def initialise(s: Settings, folder: Path, major: int = MAJOR, *, sync: bool = True) -> None:
    """Make an empty data folder, whose one role `stockml` logs in with the installation's password.

    Without `sync` a crash of the machine may damage it. Raises HostError where there is no
    password, or initdb fails.
    """
    if s.postgres_password is None:
        raise HostError("the local PostgreSQL has no password: run `make up`, which makes one")
    folder.mkdir(parents=True)
    password = folder.with_suffix(".password")
    write_private(password, s.postgres_password.get_secret_value())
    if os.geteuid() == 0:
        for path in (folder, password):
            os.chown(path, 65534, 65534)
    try:
        _initdb(folder, password, major, [] if sync else ["--no-sync"])
    finally:
        password.unlink()


def _create(s: Settings) -> None:
    folders = Folders(s.state)
    discard(folders.scratch)  # an interrupted first start, or upgrade
    action = next_action(folders.majors())
    if action is Action.NONE:
        return
    if action is not Action.CREATE:
        raise HostError(f"the data in {folders.live} wait for their upgrade to PostgreSQL {MAJOR}: run `make up`")
    initialise(s, folders.scratch)
    folders.scratch.rename(folders.live)


def _initdb(folder: Path, password: Path, major: int, options: list[str]) -> None:
    options = [*options, "--username=stockml", f"--pwfile={password}", "--auth=scram-sha-256", *LOCALE]
    argv = [*as_no_root(), str(binary("initdb", major)), "-D", str(folder), *options]
    run_command(argv, f"PostgreSQL could not create its folder {folder}")
