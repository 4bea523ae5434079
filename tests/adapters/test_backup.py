"""Everything dropped, restored from S3, and the same history: a PostgreSQL of its own, and a real S3 service."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from local.servers import postgres as postgres_program
from local.servers import postgres_roles
from local.servers.postgres_folders import Folders
from local.supervisor.program import Program
from stock_ml.adapters.broker import encode_bar, ensure_topics
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.lake.backups import Backups
from stock_ml.adapters.lake.objects import Objects
from stock_ml.adapters.postgres import dumps
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import DATABASES, Settings
from stock_ml.errors import BadSetting, StoreUnavailable, UntrustedBackup
from stock_ml.maintenance.backup import back_up, check_trusted, restore, rewind, sign
from tests.adapters.conftest import empty
from tests.adapters.test_consumer import Fixed, bars_of, consuming, publish, wait
from tests.adapters.test_postgres_store import bar, forecast
from tests.servers import running, settings_in, tables

STORED = "select symbol, ts, close from bars where symbol = %s order by 2"
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
    for bucket in (server.s3_bucket, server.backup_bucket):
        empty(Lake.connect(server.model_copy(update={"s3_bucket": bucket})))
    postgres_roles.ensure_roles(server)
    tables(server)
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
    for database in DATABASES:
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


def test_a_dump_of_a_newer_server_is_refused_before_anything_is_dropped(s: Settings, tmp_path: Path) -> None:
    name = back_up(s)["name"]
    keys = {
        field: getattr(s, field) for field in ("s3_url", "s3_access_key", "s3_secret_key", "s3_bucket", "backup_bucket")
    }
    older = settings_in(tmp_path).model_copy(update=keys | {"backup_key": s.backup_key})
    postgres_program.initialise(older, Folders(older.state).live, 16, sync=False)
    argv = tuple(postgres_program.command(older, Folders(older.state).live, 16, {"fsync": "off"}))
    program = Program("postgres", argv, lambda: postgres_program.answers(older), stop_signal="INT")
    with running(program, older):
        postgres_roles.ensure_roles(older)
        for database in DATABASES:
            run(older, database, "create table mine (text text)")
        with pytest.raises(StoreUnavailable, match="unsupported version"):
            restore(older, name)
        for database in DATABASES:
            assert run(older, database, "select * from mine") == []


def test_the_newest_backups_stay_and_what_was_left_half_made_goes(s: Settings, tmp_path: Path) -> None:
    backups = Backups.connect(s)
    (tmp_path / "a.dump").write_bytes(b"a")
    forge(backups.objects, "2099-01-01", b"x")  # seven such names must not make it forget the true ones
    for name in ("2024-01-01", "2024-01-02", "2024-01-04"):
        backups.add(name, {"a.dump": tmp_path / "a.dump"})
    backups.objects.put("backups/source=sandbox/2024-01-01x/a.dump", b"half", "text/plain")
    backups.objects.put("backups/source=sandbox/2024-01-03/a.dump", b"half", "text/plain")
    assert backups.forget(2, "2024-01-04") == ["2024-01-01", "2024-01-01x"]
    assert backups.names() == ["2024-01-02", "2024-01-04"]


def test_backups_of_a_clock_that_was_ahead_neither_count_nor_are_restored(s: Settings, tmp_path: Path) -> None:
    before, backups = history(s), Backups.connect(s)
    (tmp_path / "a.dump").write_bytes(b"a")
    for name in ("2099-01-01T00-00-00Z", "2099-01-02T00-00-00Z"):
        backups.add(name, {"a.dump": tmp_path / "a.dump"})
    name = back_up(s)["name"]
    assert backups.names() == [name, "2099-01-01T00-00-00Z", "2099-01-02T00-00-00Z"]
    run(s, "stockml", "delete from forecasts")
    assert restore(s) == name
    assert history(s) == before


def forge(objects: Objects, name: str, dump: bytes) -> None:
    """Put a backup there as who may write to the bucket can, and has no key; so older versions stored them too."""
    known = {"stockml.dump": {"sha256": hashlib.sha256(dump).hexdigest(), "bytes": len(dump)}}
    objects.put(f"backups/source=sandbox/{name}/stockml.dump", dump, "application/octet-stream")
    objects.put(f"backups/source=sandbox/{name}/manifest.json", json.dumps(known).encode(), "application/json")


def test_a_forged_newest_backup_is_never_restored(s: Settings) -> None:
    before = history(s)
    name = back_up(s)["name"]
    forge(Backups.connect(s).objects, "2099-01-01T00-00-00Z", b"a planted dump")
    assert restore(s) == name
    with pytest.raises(UntrustedBackup, match="2099-01-01T00-00-00Z is not signed"):
        restore(s, "2099-01-01T00-00-00Z")
    assert history(s) == before


def test_an_old_backup_copied_to_a_newer_name_is_refused(s: Settings) -> None:
    name = back_up(s)["name"]
    objects, newer = Backups.connect(s).objects, "2099-01-01T00-00-00Z"
    for key in objects.keys(f"backups/source=sandbox/{name}/"):
        objects.put(key.replace(name, newer), objects.get(key) or b"", "application/octet-stream")
    assert check_trusted(s) == name
    with pytest.raises(UntrustedBackup, match="somebody copied it"):
        restore(s, newer)


def test_a_backup_of_another_key_is_refused_and_none_is_made_without_one(s: Settings) -> None:
    name = back_up(s)["name"]
    with pytest.raises(UntrustedBackup, match="STOCKML_BACKUP_KEY"):
        restore(s.model_copy(update={"backup_key": SecretStr("another")}), name)
    with pytest.raises(BadSetting, match="STOCKML_BACKUP_KEY"):
        back_up(s.model_copy(update={"backup_key": None}))


def test_backups_survive_the_loss_of_the_bucket_of_the_data(s: Settings) -> None:
    before = history(s)
    name = back_up(s)["name"]
    data = Lake.connect(s).objects
    for key in data.keys(""):
        data.delete(key)
    data.client.delete_bucket(Bucket=s.s3_bucket)
    assert restore(s) == name
    assert history(s) == before


def test_a_backup_of_the_time_before_signatures_is_named_with_the_way_out(s: Settings, tmp_path: Path) -> None:
    before = history(s)
    dumps.dump(s, "stockml", file := tmp_path / "stockml.dump")
    name = "2026-01-01T03-00-00Z"
    forge(Lake.connect(s).objects, name, file.read_bytes())
    for asked in ("", name):
        with pytest.raises(UntrustedBackup, match=f"make backup.*sign-backup {name}"):
            restore(s, asked)
    assert sign(s, name)["held"].keys() == {"stockml.dump"}
    run(s, "stockml", "delete from forecasts")
    assert restore(s) == name
    assert history(s) == before
    with pytest.raises(StoreUnavailable, match="without a signature; there are: 2026-01-01T03-00-00Z"):
        sign(s, "2025")


def test_unsigned_backups_go_when_enough_signed_ones_are_there(s: Settings, tmp_path: Path) -> None:
    backups = Backups.connect(s)
    (tmp_path / "a.dump").write_bytes(b"a")
    forge(backups.older, "2023-12-31", b"x")
    backups.add("2024-01-01", {"a.dump": tmp_path / "a.dump"})
    assert backups.forget(2, "2024-01-01") == []
    assert backups.unsigned() == ["2023-12-31"]
    backups.add("2024-01-02", {"a.dump": tmp_path / "a.dump"})
    assert backups.forget(2, "2024-01-02") == ["2023-12-31"]
    assert (backups.unsigned(), backups.names()) == ([], ["2024-01-01", "2024-01-02"])


def test_without_any_backup_the_bucket_need_not_exist(s: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="there is no backup in the bucket none-yet"):
        restore(s.model_copy(update={"backup_bucket": "none-yet"}))


def test_a_server_that_is_away_is_said_to_be_away(s: Settings) -> None:
    away = s.model_copy(update={"postgres_port": 1})
    with pytest.raises(StoreUnavailable, match="does not answer"):
        back_up(away)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        dumps.connected_programs(away, "airflow")


def test_after_a_restore_the_bars_since_the_backup_come_again(s: Settings, kafka: Settings) -> None:
    broker = {"kafka_port": kafka.kafka_port, "kafka_password": kafka.kafka_password, "source": "csv"}
    given = broker | {"kafka_topic": f"restore{uuid4().hex[:6]}"}
    s = s.model_copy(update=given | {"symbols": ("GOOGL",), "csv_path": Path()})
    tables(s)
    ensure_topics(s)
    messages = [encode_bar(bar) for bar in bars_of(s, 60)]
    publish(s, *messages[:30])
    with consuming(s, Fixed()):
        wait(lambda: len(run(s, "stockml", STORED, "GOOGL")) == 30)
    made = back_up(s)
    publish(s, *messages[30:])
    with consuming(s, Fixed()):
        wait(lambda: len(run(s, "stockml", STORED, "GOOGL")) == 60)
    whole = run(s, "stockml", STORED, "GOOGL")
    assert restore(s) == made["name"]
    assert len(run(s, "stockml", STORED, "GOOGL")) == 30
    assert rewind(s, made["name"]) == 60
    assert rewind(s, made["name"]) == 0  # it stands there already
    with consuming(s, Fixed()):
        wait(lambda: run(s, "stockml", STORED, "GOOGL") == whole)
