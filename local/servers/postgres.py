"""PostgreSQL 18 from a wheel: databases airflow, mlflow and stockml."""

from pathlib import Path

import psycopg

from local.commands import run_command, secret_line
from local.servers.postgres_folders import MAJOR, Action, Folders, discard, next_action
from local.servers.postgres_password import ensure_password
from local.servers.postgres_user import USER, give, idle_account, in_folder, is_root
from local.supervisor.program import Program
from stock_ml.adapters.postgres.dumps import binary
from stock_ml.config import Settings
from stock_ml.errors import HostError

NAME = "postgres"
Options = dict[str, str | int]
# C sorts text by its bytes, so an upgrade of the C library never invalidates an index
LOCALE = ("--encoding=UTF8", "--locale=C")


def program(s: Settings) -> Program:
    """Describe the server: TCP on loopback with a password, no unix socket."""
    argv = command(s, Folders(s.state).live)
    ports = {"postgres_port": s.postgres_port}
    return Program(NAME, tuple(argv), lambda: answers(s), ports, prepare=lambda: _create(s), stop_signal="INT")


def command(s: Settings, folder: Path, major: int = MAJOR, more: Options | None = None, user: int = USER) -> list[str]:
    """Return the command line of a server on a data folder; `more` options go before the usual.

    Where this is root it runs as `user`, to whom the folder must belong.
    """
    options: Options = {"listen_addresses": "127.0.0.1", "port": s.postgres_port, "unix_socket_directories": ""}
    options |= {"max_connections": 150, "log_min_messages": "warning"}
    # a minute of 10,000 symbols touches as many pages of each key; less room than they take costs a fifth more time
    options |= {"shared_buffers": "512MB", "max_wal_size": "2GB"}
    options["max_locks_per_transaction"] = 256  # a question without a time asks every day's partition
    argv = in_folder(folder, binary("postgres", major), user)
    return argv + [word for name, value in (options | (more or {})).items() for word in ("-c", f"{name}={value}")]


def answers(s: Settings, database: str = "postgres") -> bool:
    """Say whether the server takes connections."""
    try:
        psycopg.connect(s.postgres(database), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def initialise(s: Settings, folder: Path, major: int = MAJOR, *, sync: bool = True) -> None:
    """Make an empty data folder, whose one role, the superuser `stockml`, has the installation's password.

    Without `sync` a crash of the machine may damage it. Raises HostError where there is no
    password, or initdb fails.
    """
    if s.postgres_password is None:
        raise HostError("the local PostgreSQL has no password: run `make up`, which makes one")
    folder.mkdir(mode=0o700, parents=True)
    user = idle_account()
    give(folder, user)
    with secret_line(s.postgres_password.get_secret_value(), user if is_root() else None) as password:
        _initdb(folder, user, password, major, [] if sync else ["--no-sync"])
    give(folder)


def _create(s: Settings) -> None:
    folders = Folders(s.state)
    discard(folders.scratch)  # an interrupted first start, or upgrade
    action = next_action(folders.majors())
    if action is Action.NONE:
        give(folders.live)  # older installations ran it as nobody, as whom daemons of the system run too
        ensure_password(s, folders.live)
        return
    if action is not Action.CREATE:
        raise HostError(f"the data in {folders.live} wait for their upgrade to PostgreSQL {MAJOR}: run `make up`")
    initialise(s, folders.scratch)
    folders.scratch.rename(folders.live)
    ensure_password(s, folders.live)


def _initdb(folder: Path, user: int, password: int, major: int, options: list[str]) -> None:
    options = [*options, "--username=stockml", "--pwfile=/dev/stdin", "--auth=scram-sha-256", *LOCALE]
    argv = [*in_folder(folder, binary("initdb", major), user), *options]
    run_command(argv, f"PostgreSQL could not create its folder {folder}", stdin=password)
