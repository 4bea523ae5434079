"""Everything dropped, restored from S3, and the same history: a PostgreSQL of its own, and a real S3 service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.servers import postgres as postgres_program
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.lake.backups import Backups
from stock_ml.adapters.postgres import dumps
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from stock_ml.maintenance.backup import back_up, restore
from tests.adapters.conftest import empty
from tests.adapters.test_postgres_store import bar, forecast
from tests.servers import running, settings_in

HISTORY = "select * from outcomes order by 1, 2"


@pytest.fixture(scope="module")
def server(s3: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    keys = {"s3_url": s3.s3, "s3_access_key": s3.s3_access_key, "s3_secret_key": s3.s3_secret_key}
    s = settings_in(tmp_path_factory.mktemp("home"), s3_bucket="backups", keep_backups=2).model_copy(update=keys)
    with running(postgres_program.program(s), s):
        yield s


@pytest.fixture
def s(server: Settings) -> Settings:
    """An installation with some history in each database, and no backup yet."""
    empty(Lake.connect(server))
    postgres_program.create_databases(server)
    migrate(server)
    store = ForecastStore.connect(server)
    store.store([bar("A", i, 100.0 + i) for i in range(9)], [forecast("A", i, 100.7 + i) for i in range(8)])
    store.close()
    for database in ("airflow", "mlflow"):
        run(server, database, "create table if not exists runs (name text primary key)")
        run(server, database, "insert into runs values (%s) on conflict do nothing", database)
    return server


def run(s: Settings, database: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(s.postgres(database), autocommit=True) as connection:
        done = connection.execute(statement, values)
        return done.fetchall() if done.description else []


def history(s: Settings) -> dict[str, list[tuple[Any, ...]]]:
    known = {database: run(s, database, "select * from runs") for database in ("airflow", "mlflow")}
    return known | {"stockml": run(s, "stockml", HISTORY), "partitions": run(s, "stockml", "select * from bars")}


def test_everything_is_dropped_and_restored_and_the_history_is_the_same(s: Settings) -> None:
    before = history(s)
    assert len(before["stockml"]) == 8
    made = back_up(s)
    assert set(made["held"]) == {"airflow.dump", "mlflow.dump", "stockml.dump"}
    for database in dumps.DATABASES:
        run(s, "postgres", f"drop database {database} with (force)")
    assert restore(s) == made["name"]
    assert history(s) == before
    migrate(s)  # it is the newest version of the tables, and goes on from there
    store = ForecastStore.connect(s)
    assert store.store([bar("A", 9, 109.0)], [forecast("A", 8, 108.7)]) == (1, 1)
    store.close()
    assert restore(s, made["name"]) == made["name"]  # what came after it goes
    assert history(s) == before


def test_while_a_program_is_connected_nothing_is_touched(s: Settings) -> None:
    before = history(s)
    back_up(s)
    with (
        psycopg.connect(s.postgres("mlflow"), application_name="a consumer"),
        pytest.raises(StoreUnavailable, match=r"mlflow \(a consumer\): stop them"),
    ):
        restore(s)
    assert history(s) == before


def test_a_damaged_backup_is_refused_before_anything_is_dropped(s: Settings) -> None:
    before = history(s)
    name = back_up(s)["name"]
    objects = Backups.connect(s).objects
    key = f"backups/source=sandbox/{name}/mlflow.dump"
    whole = objects.get(key)
    assert whole
    objects.put(key, whole[:-7], "application/octet-stream")
    with pytest.raises(StoreUnavailable, match="does not hold what was put there"):
        restore(s)
    assert history(s) == before
    with pytest.raises(StoreUnavailable, match="there is no backup 'yesterday'"):
        restore(s, "yesterday")


def test_a_dump_that_ends_early_is_seen(s: Settings, tmp_path: Path) -> None:
    dumps.dump(s, "stockml", file := tmp_path / "stockml.dump")
    dumps.check(s, "stockml", file)
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(StoreUnavailable, match="pg_restore of the database stockml failed"):
        dumps.check(s, "stockml", file)


def test_the_newest_backups_stay_and_what_was_left_half_made_goes(s: Settings, tmp_path: Path) -> None:
    backups = Backups.connect(s)
    (tmp_path / "a.dump").write_bytes(b"a")
    for name in ("2024-01-01", "2024-01-02", "2024-01-04"):
        backups.add(name, {"a.dump": tmp_path / "a.dump"})
    backups.objects.put("backups/source=sandbox/2024-01-01x/a.dump", b"half", "text/plain")
    backups.objects.put("backups/source=sandbox/2024-01-03/a.dump", b"half", "text/plain")
    assert backups.forget(2) == ["2024-01-01", "2024-01-01x"]
    assert backups.names() == ["2024-01-02", "2024-01-04"]


def test_a_server_that_is_away_is_said_to_be_away(s: Settings) -> None:
    away = s.model_copy(update={"postgres_port": 1})
    with pytest.raises(StoreUnavailable, match="does not answer"):
        back_up(away)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        dumps.connected_programs(away, "airflow")
