"""Migrate the tables to the newest version."""

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from stock_ml.adapters.postgres.connection import SOURCE, address, reason, unavailable
from stock_ml.adapters.postgres.locks import MIGRATION
from stock_ml.config import Settings
from stock_ml.errors import NewerTables, StoreUnavailable, WrongSource

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
CLAIM = "insert into installation (source) values (:source) on conflict do nothing"


def migrate(s: Settings) -> None:
    """Run the migrations that the database `stockml` lacks, and say whose it is; a second run changes nothing.

    Raises StoreUnavailable where the server cannot be reached, or refuses, and WrongSource, one of its kind, with
    everything left as it was, where the database holds the bars of another source, NewerTables where a newer version
    of this project made its tables.
    """
    # here, for the services that read and write the tables have no use for 40 MB of alembic
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(s.postgres().replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION})
            config.attributes["connection"] = connection
            _check_known(
                connection, {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            )
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


def _check_known(connection: "Connection", known: set[str]) -> None:
    from sqlalchemy import inspect, text

    made = inspect(connection).has_table("alembic_version")
    found = connection.execute(text("select version_num from alembic_version")).scalar() if made else None
    if found is not None and found not in known:
        known_until = max(known)
        raise NewerTables(
            f"the tables in PostgreSQL are of version {found}, and this code knows those until {known_until}: a newer "
            "stock_ml made them. Use that one (`git pull`, then `make up`), or restore a backup of before"
        )


def _failure(error: psycopg.Error, conninfo: str) -> StoreUnavailable:
    """Return why the tables were not migrated; what `unavailable` advises where one lacks would not help here."""
    known = None if isinstance(error, psycopg.errors.UndefinedTable) else unavailable(error, conninfo)
    return known or StoreUnavailable(f"PostgreSQL at {address(conninfo)} refused a migration: {reason(error)}")
