"""Installations that have data are brought up to date, and keep it; each test has a schema of its own."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import create_engine

from stock_ml.adapters.postgres.migrate import MIGRATIONS, migrate
from stock_ml.config import Settings
from stock_ml.errors import NewerTables, StoreUnavailable, WrongSource
from tests.servers import tables

BARS = """
insert into bars (symbol, ts, open, high, low, close, volume, filled, source, late, stored_at)
select 'S' || s, timestamptz '2024-03-01 14:30+00' + day * interval '1 day' + m * interval '1 minute',
       100.1, 101.7, 99.3, 100.0 + random(), m, m % 7 = 0, 'sandbox', m % 5 = 0, now() - random() * interval '1 day'
from generate_series(1, 3) as s, generate_series(0, 9) as day, generate_series(0, 599, 20) as m
"""
FORECASTS = """
insert into forecasts
select symbol, ts, 1, ts + interval '1 minute', ts::date, close, close, close - 1, close + 1, close - 2, close + 2,
       close - 3, close + 3, '7', 'epoch', ts + interval '61 seconds', late, stored_at
from bars
"""


@pytest.fixture
def own(settings: Settings, postgres: object) -> Iterator[Settings]:
    """Settings whose tables are in a schema of their own, none of them made yet."""
    tables(settings)
    schema = f"s{uuid4().hex[:8]}"
    url = SecretStr(f"{settings.postgres()}?options=-csearch_path%3D{schema}")
    with psycopg.connect(settings.postgres(), autocommit=True) as connection:
        connection.execute(f"create schema {schema}")
        yield settings.model_copy(update={"postgres_url": url})
        connection.execute(f"drop schema {schema} cascade")


def migrate_to(s: Settings, revision: str) -> None:
    """Bring the tables to a version of the past."""
    engine = create_engine(s.postgres().replace("postgresql://", "postgresql+psycopg://", 1))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def rows(connection: psycopg.Connection[Any], relation: str, key: str) -> list[Any]:
    return connection.execute(f"select * from {relation} order by {key}").fetchall()  # noqa: S608 - names of this file


def test_bars_stored_before_it_was_said_whose_they_are_say_it(own: Settings) -> None:
    migrate_to(own, "0003")
    with psycopg.connect(own.postgres()) as connection:
        connection.execute("insert into bars select 'A', now(), 1, 1, 1, 1, 1, false, 'sandbox', false")
    with pytest.raises(WrongSource):
        migrate(own.model_copy(update={"source": "alpha_vantage"}))
    migrate(own)
    with psycopg.connect(own.postgres()) as connection:
        assert connection.execute("select source from installation").fetchall() == [("sandbox",)]


def test_a_migration_that_fails_or_cannot_start_says_why(own: Settings) -> None:
    migrate_to(own, "0003")
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute("drop table bars cascade")
    with pytest.raises(StoreUnavailable, match='refused a migration: relation "bars" does not exist'):
        migrate(own)
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 does not answer: Connection refused"):
        migrate(own.model_copy(update={"postgres_url": SecretStr("postgresql://stockml@127.0.0.1:1")}))


def test_tables_of_a_newer_stock_ml_are_named_and_left_as_they_are(own: Settings) -> None:
    migrate(own)
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
        with pytest.raises(NewerTables, match=r"version 9999.*git pull"):
            migrate(own)
        assert connection.execute("select version_num from alembic_version").fetchall() == [("9999",)]


def test_every_row_outlives_its_way_into_the_partition_of_its_day(own: Settings) -> None:
    migrate_to(own, "0005")
    read = (("bars", "symbol, ts"), ("forecasts", "symbol, bar_ts, horizon"), ("outcomes", "symbol, bar_ts"))
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute(BARS)
        connection.execute(FORECASTS)
        before = [rows(connection, *each) for each in read]
    migrate(own)
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        bars, forecasts, outcomes = (rows(connection, *each) for each in read)
        # made before outliers were looked for, revisions had numbers and intervals adapted: none, and as calibrated
        assert [[row[:-2] for row in bars], [row[:-3] for row in forecasts], outcomes] == before
        assert {row[-2:] for row in bars} == {(False, 0)}
        assert {row[-3:] for row in forecasts} == {(0.0, 0.0, 0.0)}
        assert len(before[0]) == len(before[1]) == 900
        counts = connection.execute("select tableoid::regclass::text, count(*) from bars group by 1 order by 1")
        assert counts.fetchall()[:2] == [("bars_20240301", 87), ("bars_20240302", 90)]
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into bars select * from bars limit 1")
        with pytest.raises(psycopg.errors.CheckViolation, match="forecasts_check"):
            connection.execute("update forecasts set target_ts = bar_ts")
        assert connection.execute("select to_regclass('bars_before')").fetchone() == (None,)
