"""A few connections that many threads share, opened when needed and again where one broke."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stock_ml.adapters.postgres.reader import statements
from stock_ml.adapters.postgres.reader.rows import Row
from stock_ml.errors import StoreUnavailable, WrongSource

NAME = "stockml dashboard"  # as pg_stat_activity shows it
OPTIONS = (
    "-c default_transaction_read_only=on -c statement_timeout=5000 -c timezone=UTC -c plan_cache_mode=force_custom_plan"
)
MOST = 8  # at once; further ones wait for their turn
Open = psycopg.Connection[Row]


class Connections:
    """Ask PostgreSQL, from any thread.

    Every question raises StoreUnavailable where PostgreSQL does not answer in time or lacks the tables, and
    WrongSource, one of its kind, where they hold the bars of another source.
    """

    def __init__(self, conninfo: str, source: str) -> None:
        self._conninfo, self._source = conninfo, source
        self._places: LifoQueue[Open | None] = LifoQueue()  # the one used last is the likeliest to be open
        self._closed = False
        for _ in range(MOST):
            self._places.put(None)

    def rows(self, query: str, values: dict[str, Any]) -> list[Row]:
        """Return the answer's rows; a connection that broke while nobody asked costs no answer."""
        place = self._places.get()
        try:
            if self._closed:
                raise StoreUnavailable("the connections to PostgreSQL are closed")
            with self.told():
                if place is not None and (found := _of_old(place, query, values)) is not None:
                    return found
                place = self.open()
                return place.execute(query, values).fetchall()
        finally:
            self._places.put(place)

    def open(self) -> Open:
        """Return a new connection of the caller's own. Raises psycopg's errors and WrongSource."""
        opened = psycopg.connect(
            self._conninfo, autocommit=True, connect_timeout=3, options=OPTIONS, application_name=NAME
        )
        try:
            self._see_whose(opened)
        except (psycopg.Error, WrongSource):
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Close every connection, those in use when they are given back; nothing more is answered."""
        self._closed = True
        for _ in range(MOST):
            if (place := self._places.get()) is not None:
                place.close()
        for _ in range(MOST):
            self._places.put(None)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell psycopg's errors in the block as StoreUnavailable."""
        where = self._where()
        try:
            yield
        except psycopg.errors.QueryCanceled as error:
            raise StoreUnavailable(f"PostgreSQL at {where} gave up on a query: {error.diag.message_primary}") from error
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"PostgreSQL at {where} does not answer; `make status` shows its process") from error
        except psycopg.errors.UndefinedTable as error:
            raise StoreUnavailable(f"PostgreSQL at {where} lacks the tables; `make up` makes them") from error

    def _see_whose(self, connection: Open) -> None:
        theirs = connection.execute(statements.SOURCE).fetchone()
        if theirs is not None and theirs[0] != self._source:
            raise WrongSource.met(self._where(), theirs[0], self._source)

    def _where(self) -> str:
        known = conninfo_to_dict(self._conninfo)  # the password stays out
        return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"


def _of_old(connection: Open, query: str, values: dict[str, Any]) -> list[Row] | None:
    """Return the answer over a connection that was open before, None where it turns out to be broken."""
    if connection.closed:
        return None
    try:
        return connection.execute(query, values).fetchall()
    except psycopg.OperationalError:
        if not connection.closed:
            raise
        return None
