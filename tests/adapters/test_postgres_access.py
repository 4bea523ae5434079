"""Another user of the machine gets nothing of PostgreSQL, and a service no more than its own database."""

from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from local.servers import postgres, postgres_user
from local.servers.postgres_folders import Folders
from local.servers.postgres_roles import as_superuser, ensure_roles
from stock_ml.adapters.postgres import dumps
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import DATABASES, Settings
from stock_ml.errors import StoreUnavailable
from tests.adapters.test_postgres_store import bar, forecast
from tests.other_user import NOBODY, USER, as_other_user, open_folder
from tests.servers import running, settings_in, tables

# what other users' schemas hold of the superuser's
OWNED_BY_SUPERUSER = """
select relname from pg_class where relowner = 'stockml'::regrole and relnamespace = 'public'::regnamespace
union all select proname from pg_proc where proowner = 'stockml'::regrole and pronamespace = 'public'::regnamespace
union all select nspname from pg_namespace where nspowner = 'stockml'::regrole and nspname = 'public'
union all select datname from pg_database where datdba = 'stockml'::regrole and datname = current_database()
"""
# a constraint is checked for each row that a restore copies in
PLANTED = """
create function run() returns boolean language plpgsql as
    $$ begin copy (select 1) to program 'id > {0}'; return true; end $$;
create table planted (a int check (run()));
insert into planted values (1)
"""


@pytest.fixture(scope="module")
def server(postgres: Settings) -> Settings:
    """The server of this run."""
    return postgres


@pytest.mark.parametrize("user", [NOBODY, USER])
def test_neither_its_files_nor_its_process_are_for_others(server: Settings, user: int) -> None:
    live = Folders(server.state).live
    pid = int((live / "postmaster.pid").read_text().splitlines()[0])
    for folder in (live, Path(f"/proc/{pid}/cwd")):
        rule = f"echo host all all 127.0.0.1/32 trust >> {folder}/pg_hba.conf"
        assert "denied" in as_other_user("sh", "-c", rule, user=user).stderr
        assert "denied" in as_other_user("cat", folder / "pg_hba.conf", user=user).stderr
    assert "permitted" in as_other_user("sh", "-c", f"kill -HUP {pid}", user=user).stderr
    assert psutil.Process(pid).uids().real not in (0, NOBODY, USER)


def test_data_that_an_older_installation_left_to_nobody_are_taken_from_it(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    program, live = postgres.program(s), Folders(s.state).live
    with running(program, s):
        pass
    as_other_user("true")  # skips where this is not root
    postgres_user.give(live, NOBODY)
    with running(program, s):
        assert postgres.answers(s)
        assert live.stat().st_uid == postgres_user.USER
        assert {path.stat().st_uid for path in live.rglob("*")} == {postgres_user.USER}


def login(s: Settings, database: str, **left: SecretStr | None) -> psycopg.Connection[tuple[object, ...]]:
    """Open a database with the passwords that are left to a process."""
    return psycopg.connect(s.model_copy(update=left).postgres(database), autocommit=True)


@pytest.mark.parametrize("database", DATABASES)
def test_an_owner_is_no_superuser_and_runs_no_program(server: Settings, database: str, tmp_path: Path) -> None:
    with login(server, database) as connection:
        assert connection.execute("select usesuper from pg_user where usename = current_user").fetchone() == (False,)
        for statement in (
            "copy (select 1) to program 'id'",
            f"copy (select 1) to '{tmp_path}/file'",
            "select pg_read_file('/etc/passwd')",
            "create role another superuser",
            "create database another",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@pytest.mark.parametrize("database", DATABASES)
def test_an_owner_opens_no_other_database(server: Settings, database: str) -> None:
    others = {f"postgres_{name}_password": None for name in DATABASES if name != database}
    role = f"{database}_owner"
    for other in set(DATABASES) - {database}:
        own = conninfo_to_dict(server.model_copy(update=others).postgres(database))
        with pytest.raises(psycopg.OperationalError, match=f"permission denied for database .{other}"):
            psycopg.connect(**(own | {"dbname": other, "user": role}))


def test_the_reader_reads_what_there_is_and_what_comes_and_changes_nothing(server: Settings) -> None:
    tables(server)
    reader = {"postgres_stockml_password": None, "postgres_password": None}
    day = "select partition_day('bars', '1999-01-04')"
    with login(server, "stockml") as owner, login(server, "stockml", **reader) as connection:
        owner.execute(day)
        assert connection.execute("select current_user").fetchone() == ("stockml_reader",)
        for table in ("bars", "bars_19990104", "forecasts", "outcomes", "service_state"):
            connection.execute(f"table {table}".encode())
        for statement in (
            "delete from bars",
            "insert into installation values ('x')",
            day.replace("04", "05"),
            "create table mine (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        owner.execute("drop table bars_19990104")


def test_what_the_superuser_owned_is_given_to_the_owners(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    old = as_superuser(s)
    with running(postgres.program(s), s):
        with psycopg.connect(old.postgres("postgres"), autocommit=True) as connection:
            for database in DATABASES:  # as older versions made them
                connection.execute(f"create database {database}".encode())
        migrate(old)
        store = ForecastStore.connect(old)
        store.store([bar("A", i, 100.0 + i) for i in range(9)], [forecast("A", i, 100.7 + i) for i in range(8)])
        store.close()
        with psycopg.connect(old.postgres("mlflow"), autocommit=True) as connection:
            connection.execute("create type kind as enum ('a'); create table runs (id serial primary key, k kind)")
            connection.execute("drop schema public cascade; create schema public; create table runs (id serial)")
        for _ in range(2):
            ensure_roles(s)
        for database in DATABASES:
            with login(s, database) as connection:
                assert connection.execute(OWNED_BY_SUPERUSER).fetchall() == []
        migrate(s)
        store = ForecastStore.connect(s)
        assert store.store([bar("A", 9, 109.0)], [forecast("A", 8, 108.7)]) == (1, 1)
        store.close()
        with login(s, "mlflow") as connection:
            connection.execute("insert into runs default values; alter table runs add column b int")


def test_a_planted_dump_runs_no_program_though_it_is_restored(server: Settings, tmp_path: Path) -> None:
    dumps.dump(as_superuser(server), "mlflow", before := tmp_path / "before.dump")  # other tests share the server
    with open_folder() as folder, ExitStack() as last:
        last.callback(dumps.load, server, "mlflow", before)
        folder.chmod(0o777)
        trace = folder / "trace"
        with psycopg.connect(as_superuser(server).postgres("mlflow"), autocommit=True) as connection:
            connection.execute(PLANTED.format(trace).encode())
        dumps.dump(as_superuser(server), "mlflow", file := tmp_path / "mlflow.dump")
        trace.unlink()
        with psycopg.connect(as_superuser(server).postgres("mlflow"), autocommit=True) as connection:
            connection.execute("drop table planted; drop function run")
        ensure_roles(server)
        with pytest.raises(StoreUnavailable, match="pg_restore of the database mlflow failed"):
            dumps.load(server, "mlflow", file)
        assert not trace.exists()
