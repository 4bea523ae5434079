"""Migrate the tables to the newest version."""

from pathlib import Path

import psycopg

from stock_ml.adapters.postgres.connection import SOURCE, address, reason, unavailable
from stock_ml.adapters.postgres.locks import MIGRATION
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable, WrongSource

MIGRATIONS = Path(__file__).parent / "migrations"
CLAIM = "insert into installation (source) values (:source) on conflict do nothing"


def migrate(s: Settings) -> None:
    """Run the migrations that the database `stockml` lacks, and say whose it is; a second run changes nothing.

    Raises StoreUnavailable where the server cannot be reached, or refuses, and WrongSource, one of its kind, with
    everything left as it was, where the database holds the bars of another source.
    """
    # here, for the services that read and write the tables have no use for 40 MB of alembic
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(s.postgres().replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.execute(text(CLAIM), {"source": s.source})
            theirs = connection.execute(text(SOURCE)).scalar_one()
            if theirs != s.source:
                raise WrongSource.met(address(s.postgres()), theirs, s.source)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise _failure(error.orig, s.postgres()) from error
    finally:
        engine.dispose()


def _failure(error: psycopg.Error, conninfo: str) -> StoreUnavailable:
    """Return why the tables were not migrated; what `unavailable` advises where one lacks would not help here."""
    known = None if isinstance(error, psycopg.errors.UndefinedTable) else unavailable(error, conninfo)
    return known or StoreUnavailable(f"PostgreSQL at {address(conninfo)} refused a migration: {reason(error)}")
