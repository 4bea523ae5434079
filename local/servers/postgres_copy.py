"""Copy all that a PostgreSQL server holds to an empty one, by the newer one's dump and restore."""

import os
import subprocess

import psycopg

from local.servers.postgres_contents import databases
from local.servers.postgres_folders import MAJOR
from stock_ml.adapters.postgres.dumps import binary, login
from stock_ml.config import Settings
from stock_ml.errors import HostError

OWN_ROLE = "CREATE ROLE stockml;"  # initdb makes it; its password and its rights are copied


def copy_roles(source: Settings, target: Settings) -> None:
    """Copy every role with its password, its rights and its settings. Raises HostError."""
    dumped = run_program(_tool("pg_dumpall", "--roles-only", "--no-tablespaces"), login(source, "postgres"))
    roles = "\n".join(line for line in dumped.splitlines() if line != OWN_ROLE)
    run_program(_tool("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"), login(target, "postgres"), roles)


def copy_database(source: Settings, target: Settings, database: str) -> None:
    """Copy one database with its settings and owners, without a file. Raises HostError."""
    dump = _tool("pg_dump", "--format=custom", "--compress=none", "--no-tablespaces")
    new = database not in databases(target)
    place = ["--create", "--dbname=postgres"] if new else [f"--dbname={database}"]
    restore = _tool("pg_restore", "--exit-on-error", "--no-tablespaces", *place)
    _pipe((dump, login(source, database)), (restore, login(target, "postgres")))


def analyze(target: Settings, database: str) -> None:
    """Collect what queries are planned by: a restored table has no statistics yet."""
    with psycopg.connect(target.postgres(database), autocommit=True) as connection:
        connection.execute("vacuum (analyze)")


def run_program(argv: list[str], env: dict[str, str], stdin: str = "") -> str:
    """Run a program of PostgreSQL and return its output. Raises HostError with its first error."""
    done = subprocess.run(argv, env=os.environ | env, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(_first_error(done.stderr.splitlines()))
    return done.stdout


def _tool(name: str, *words: str) -> list[str]:
    return [str(binary(name, MAJOR)), *words]


def _pipe(source: tuple[list[str], dict[str, str]], target: tuple[list[str], dict[str, str]]) -> None:
    errors, write = os.pipe()  # one pipe for what both say: who fails first speaks first
    one = _start(source, subprocess.PIPE, write)
    two = _start(target, subprocess.DEVNULL, write, one)
    os.close(write)
    with os.fdopen(errors, errors="replace") as said:
        lines = said.readlines()
    if any([one.wait(), two.wait()]):
        raise HostError(_first_error(lines))


def _start(
    program: tuple[list[str], dict[str, str]], out: int, errors: int, before: "subprocess.Popen[bytes] | None" = None
) -> "subprocess.Popen[bytes]":
    argv, env = program
    stdin = before.stdout if before else subprocess.DEVNULL
    process = subprocess.Popen(argv, env=os.environ | env, stdin=stdin, stdout=out, stderr=errors)
    if before and before.stdout:
        before.stdout.close()  # so that the first one ends when this one does
    return process


def _first_error(lines: list[str]) -> str:
    return next(
        (line.strip() for line in lines if "error:" in line or "FATAL:" in line), " ".join(lines).strip()[-300:]
    )
