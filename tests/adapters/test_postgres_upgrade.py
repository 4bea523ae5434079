"""PostgreSQL 16's data become 18's, whatever comes between: real servers of both versions."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from pydantic import SecretStr

from local.servers import postgres, postgres_roles, postgres_upgrade
from local.servers.postgres_contents import contents, differences
from local.servers.postgres_folders import Folders
from local.servers.postgres_user import data_folder
from local.servers.services import environment
from local.supervisor.program import ROOT, Program
from stock_ml.adapters.postgres import dumps
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import DATABASES, Settings
from stock_ml.errors import DiskFull, HostError, NewerServerData, UpgradeFailed
from tests.adapters.test_postgres_store import bar, forecast
from tests.servers import running, settings_in

DAY = 24 * 60
ROWS = 300_000  # of the largest table
SWITCH = "the copy takes the place {0}/postgres; the next `make up` that ends well deletes {0}/postgres-16"
STEPS = [
    "are copied; until",
    "copying the database stockml",
    "comparing the rows",
    "writing the copy",
    "the old data move to",
    "takes the place",
]


@pytest.fixture(scope="module")
def made_by_16(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation's data as version 16 of the server left them, with what else a person may have made."""
    s = settings_in(tmp_path_factory.mktemp("old"))
    postgres.initialise(s, Folders(s.state).live, 16, sync=False)
    with running(server(s, 16), s):
        postgres_roles.ensure_roles(s)
        migrate(s)
        fill(s)
    return s


@pytest.fixture
def s(made_by_16: Settings, tmp_path: Path) -> Settings:
    """A copy of these data, to be upgraded."""
    return copied(made_by_16, tmp_path)


def server(s: Settings, major: int = postgres.MAJOR) -> Program:
    # only a crash of the machine could damage what it writes
    argv = postgres.command(s, Folders(s.state).live, major, {"fsync": "off"})
    return Program("postgres", tuple(argv), lambda: postgres.answers(s), stop_signal="INT")


def copied(s: Settings, home: Path) -> Settings:
    (home / s.source).mkdir(parents=True)
    subprocess.run(["cp", "-a", Folders(s.state).live, home / s.source], check=True)  # with its owner
    return s.model_copy(update={"home": home})


def fill(s: Settings) -> None:
    store = ForecastStore.connect(s)
    for day in range(3):
        minutes = range(day * DAY, day * DAY + 9)
        store.store([bar("A", i, 100.0 + i) for i in minutes], [forecast("A", i, 100.7 + i) for i in minutes[:8]])
    store.close()
    run(s, "mlflow", "create table runs (id serial primary key, name text not null)")
    run(s, "mlflow", f"insert into runs (name) select 'run ' || i from generate_series(1, {ROWS}) i")  # noqa: S608
    run(s, "mlflow", "create materialized view names as select name from runs where id % 1000 = 0")
    run(s, "airflow", "create table dag (dag_id text primary key); insert into dag values ('ingest_bars')")
    run(s, "postgres", "create role reader login password 'of the reader'")
    run(s, "postgres", "alter role reader set statement_timeout = '7s'")
    run(s, "stockml", "grant select on bars to reader; grant connect on database stockml to reader")
    run(s, "postgres", "create database notes owner reader")
    run(s, "notes", "create table note (text text)")


def run(s: Settings, database: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(s.postgres(database), autocommit=True) as connection:
        done = connection.execute(statement.encode())
        return done.fetchall() if done.description else []


def upgrade(s: Settings) -> list[str]:
    lines: list[str] = []
    postgres_upgrade.upgrade(s, lines.append)
    return lines


def die_at(s: Settings, step: str) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-m", "tests.adapters.upgrade_killed", step]
    return subprocess.Popen(argv, cwd=ROOT, env=os.environ | environment(s), stdout=subprocess.PIPE)


def end_at(s: Settings, step: str) -> int:
    process = die_at(s, step)
    process.communicate(timeout=120)
    return process.returncode


def made(s: Settings) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Return all that a running server holds, in figures, and the forecasts with what came of them."""
    return contents(s), run(s, "stockml", "select * from outcomes order by 1, 2")


@pytest.fixture(scope="module")
def before(made_by_16: Settings) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    with running(server(made_by_16, 16), made_by_16):
        return made(made_by_16)


def see_complete(s: Settings, before: tuple[dict[str, str], list[tuple[Any, ...]]]) -> None:
    with running(postgres.program(s), s):
        figures, outcomes = made(s)
        assert run(s, "postgres", "show server_version")[0][0].startswith("18.")
    assert differences(before[0], figures) == []
    assert outcomes == before[1]
    assert not servers_on(s)


def servers_on(s: Settings) -> list[list[str]]:
    running = [(p, p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    return [words for p, words in running if data_folder(p, words).startswith(str(s.state))]


def names(s: Settings) -> set[str]:
    return {path.name for path in s.state.iterdir()} - {"logs", "secrets.env", "postgres-password.sha256"}


def test_a_new_installation_is_made_by_18(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    with running(postgres.program(s), s):
        assert run(s, "postgres", "show server_version")[0][0].startswith("18.")


def test_all_that_16_held_is_there_and_goes_on(s: Settings, before: Any) -> None:
    assert sum(name.startswith("stockml: table public.bars_") for name in before[0]) == 3
    assert before[0]["mlflow: table public.runs"] == f"{ROWS} rows"
    assert len(before[1]) == 24
    lines = upgrade(s)
    assert lines[0].startswith(f"PostgreSQL 16 → 18: the data in {s.state}/postgres are copied")
    assert lines[-1].endswith(SWITCH.format(s.state))
    assert names(s) == {"postgres", "postgres-16"}
    see_complete(s, before)
    with running(postgres.program(s), s):
        migrate(s)
        store = ForecastStore.connect(s)
        assert store.store([bar("A", 9, 109.0)], [forecast("A", 8, 108.7)]) == (1, 1)
        store.close()
        assert run(s, "mlflow", "insert into runs (name) values ('next') returning id") == [(ROWS + 1,)]
        see_reader(s)


def see_reader(s: Settings) -> None:
    """The other role has its password, its rights and its settings."""
    login = {"host": "127.0.0.1", "port": s.postgres_port, "user": "reader", "dbname": "stockml"}
    with psycopg.connect(**login, password="of the reader") as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("7s",)
        assert connection.execute("select count(*) from bars").fetchone() == (28,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from forecasts")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**login, password="of another")
    owner = "select pg_get_userbyid(datdba) from pg_database where datname = 'notes'"
    assert run(s, "postgres", owner) == [("reader",)]


def test_killed_before_any_step_it_goes_on_and_loses_nothing(s: Settings, before: Any) -> None:
    for step in STEPS:
        assert end_at(s, step) == -9, step
    assert names(s) == {"postgres-16", "postgres.upgraded"}
    assert upgrade(s) == [f"PostgreSQL 16 → 18: {SWITCH.format(s.state)}"]
    see_complete(s, before)


def test_killed_while_rows_are_copied_it_begins_again(s: Settings, before: Any) -> None:
    with die_at(s, "") as process:
        assert process.stdout
        next(line for line in process.stdout if b"database mlflow" in line)
        until = time.monotonic() + 60
        while not any(p.name() == "pg_restore" for p in psutil.Process(process.pid).children()):
            assert time.monotonic() < until
        process.kill()
    assert "postgres.making" in names(s)
    upgrade(s)
    see_complete(s, before)


def test_after_a_complete_copy_the_old_data_still_count_until_the_switch(s: Settings, before: Any) -> None:
    assert end_at(s, "the old data move to") == -9
    assert names(s) == {"postgres", "postgres.upgraded"}
    with running(server(s, 16), s) as process:  # as where a person goes back to the version before
        run(s, "airflow", "insert into dag values ('maintain')")
        process.kill()  # so that it must recover first
    upgrade(s)
    see_complete(s, (before[0] | {"airflow: table public.dag": "2 rows"}, before[1]))


def test_the_old_data_stay_until_a_later_start_ends_well_and_are_the_way_back_till_then(
    s: Settings, before: Any
) -> None:
    lines: list[str] = []
    with postgres_upgrade.data_upgrade(s, lines.append):
        assert names(s) == {"postgres", "postgres-16"}
    shutil.rmtree(Folders(s.state).live)
    with postgres_upgrade.data_upgrade(s, lines.append):
        assert f"PostgreSQL 16 → 18: {s.state}/postgres is missing" in "".join(lines)
    with pytest.raises(HostError, match="no Kafka"), postgres_upgrade.data_upgrade(s, lines.append):
        raise HostError("no Kafka")
    assert names(s) == {"postgres", "postgres-16"}
    with postgres_upgrade.data_upgrade(s, lines.append):
        see_complete(s, before)
    assert names(s) == {"postgres"}
    assert lines[-1] == f"deleted {s.state}/postgres-16: the data as they were before the upgrade to PostgreSQL 18"
    with postgres_upgrade.data_upgrade(s, lines.append):
        assert names(s) == {"postgres"}


def test_data_on_a_server_of_ones_own_are_left_alone(s: Settings) -> None:
    brought = s.model_copy(update={"postgres_url": SecretStr("postgresql://a:b@127.0.0.1:1")})
    postgres_upgrade.check(brought)
    with postgres_upgrade.data_upgrade(brought, pytest.fail):
        assert names(s) == {"postgres"}


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("alter database notes allow_connections false", "database notes: there before, missing after"),
        ("create view written as select buffers_backend from pg_stat_bgwriter", '"buffers_backend" does not exist'),
    ],
)
def test_a_copy_that_lacks_something_takes_no_place(s: Settings, trouble: str, said: str) -> None:
    with running(server(s, 16), s):
        run(s, "postgres", trouble)
    with pytest.raises(UpgradeFailed, match=f"{said}.*the data in {s.state}/postgres are as they were"):
        upgrade(s)
    assert names(s) == {"postgres"}
    assert not servers_on(s)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", folder], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_without_room_is_refused_and_one_that_fills_up_leaves_the_old_data(
    made_by_16: Settings, small_disk: Path, before: Any
) -> None:
    s = copied(made_by_16, small_disk / "home")
    with pytest.raises(DiskFull, match=r"needs 0\.\d GB, and the disk has 0\.\d GB free. Nothing was changed"):
        postgres_upgrade.check(s)
    subprocess.run(["mount", "-o", "remount,size=1g", small_disk], check=True)
    postgres_upgrade.check(s)
    rest = small_disk / "rest"

    def fill_disk(line: str) -> None:
        if "copying the database mlflow" in line:
            with rest.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free - 2**23)

    with pytest.raises(DiskFull, match=f"the disk of {s.state} became full while .*as they were. Free some of it"):
        postgres_upgrade.upgrade(s, fill_disk)
    assert names(s) == {"postgres"}
    assert not servers_on(s)
    rest.unlink()
    upgrade(s)
    see_complete(s, before)


def test_a_server_that_does_not_end_by_itself_ends_with_its_upgrade(s: Settings, before: Any) -> None:
    def fail(line: str) -> None:
        if "copying the database mlflow" in line:
            scratch = str(Folders(s.state).scratch)
            running = [(p, p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
            copy = next(p for p, words in running if data_folder(p, words) == scratch)
            named = [p for p, words in running if words and "checkpointer" in words[0]]
            checkpointer = next(p for p in named if p.ppid() == copy.pid)
            checkpointer.suspend()  # the server waits for it, as for what a full disk left
            raise HostError("no more")

    with pytest.raises(UpgradeFailed, match=f"no more; nothing is lost: the data in {s.state}/postgres are as they"):
        postgres_upgrade.upgrade(s, fail)
    assert not servers_on(s)
    upgrade(s)
    see_complete(s, before)


@pytest.mark.parametrize(
    ("version", "error", "said"),
    [
        ("19", NewerServerData, "are of PostgreSQL 19, and this version of stock_ml brings 18, which cannot read"),
        ("15", HostError, "are of PostgreSQL 15, and this version of stock_ml reads those of 16 and 18 only"),
        ("", HostError, "holds no data of PostgreSQL"),
    ],
)
def test_data_that_no_server_here_reads_are_refused(
    tmp_path: Path, version: str, error: type[HostError], said: str
) -> None:
    s = settings_in(tmp_path)
    live = Folders(s.state).live
    live.mkdir()
    (live / "PG_VERSION").write_text(version + "\n")
    for start in (lambda: postgres_upgrade.check(s), lambda: upgrade(s), postgres.program(s).prepare):
        with pytest.raises(error, match=said):
            start()
    assert (live / "PG_VERSION").read_text() == version + "\n"


def test_no_server_starts_on_data_that_wait_for_their_upgrade(s: Settings) -> None:
    with pytest.raises(HostError, match="wait for their upgrade to PostgreSQL 18: run `make up`"):
        postgres.program(s).prepare()


def test_a_backup_that_16_made_is_restored_into_18(s: Settings, before: Any, tmp_path: Path) -> None:
    files = {database: tmp_path / f"{database}.dump" for database in DATABASES}
    with running(server(s, 16), s):
        for database, file in files.items():
            dumps.dump(s, database, file)
    upgrade(s)
    with running(postgres.program(s), s):
        for database, file in files.items():
            run(s, "postgres", f"drop database {database} with (force)")
            dumps.check(s, database, file)
            dumps.load(s, database, file)
        assert differences(before[0], contents(s)) == []
