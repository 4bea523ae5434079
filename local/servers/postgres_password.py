"""The superuser's password: where secrets.env was lost or changed, the server gets the new one before it starts.

A server that only this user reaches asks for no password: on a socket in a private folder, and without TCP.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import sql

from local import probes
from local.secrets import write_private
from local.servers.postgres_folders import MAJOR
from local.servers.postgres_user import in_folder, is_root, owner
from stock_ml.adapters.postgres.dumps import binary
from stock_ml.config import SUPERUSER, Settings
from stock_ml.errors import HostError

PROBLEM = "PostgreSQL runs with another password than secrets.env has: `make down` stops it, then `make up` changes it"
SECONDS = 60


def ensure_password(s: Settings, folder: Path) -> None:
    """Give the superuser the installation's password, where that is another than the last time.

    Raises HostError where the server runs, or does not start.
    """
    if s.postgres_password is None:
        return
    password, mark = s.postgres_password.get_secret_value(), s.state / "postgres-password.sha256"
    digest = sha256(password.encode()).hexdigest()
    if mark.exists() and mark.read_text() != digest:
        _alter(folder, password)
    write_private(mark, digest)


def _alter(folder: Path, password: str) -> None:
    with _private_folder(owner(folder)) as place, _running(folder, place) as server:
        probes.wait("PostgreSQL", lambda: _answers(server, place), SECONDS)
        with psycopg.connect(host=str(place), user=SUPERUSER, dbname="postgres") as connection:
            # hashed here: the server's log never holds the password
            hashed = connection.pgconn.encrypt_password(password.encode(), SUPERUSER.encode(), b"scram-sha-256")
            words = sql.SQL("alter role {} password {}")
            connection.execute(words.format(sql.Identifier(SUPERUSER), sql.Literal(hashed.decode())))


@contextmanager
def _private_folder(user: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "pg_hba.conf").write_text("local all all trust\n")
        if is_root():
            os.chown(place, user, -1)
        yield place


@contextmanager
def _running(folder: Path, place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    options = {"listen_addresses": "", "unix_socket_directories": place, "hba_file": place / "pg_hba.conf"}
    words = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
    argv = [*in_folder(folder, binary("postgres", MAJOR), owner(folder)), *words]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(SECONDS)


def _answers(server: "subprocess.Popen[bytes]", place: Path) -> bool:
    if server.poll() is not None:
        raise HostError(PROBLEM)
    try:
        psycopg.connect(host=str(place), user=SUPERUSER, dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
