"""One connection that is opened when first needed, and again when it broke."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stock_ml.adapters.postgres.store import statements
from stock_ml.errors import StoreUnavailable, WrongSource

# a server that hangs must look like one that is away: both are tried again
OPTIONS = "-c statement_timeout=30000 -c timezone=UTC"
NAME = "stockml store"  # as pg_stat_activity shows it
Open = psycopg.Connection[Any]


class Connection:
    """Keep one connection, in autocommit mode; use it from one thread."""

    def __init__(self, conninfo: str, set_up: str, source: str) -> None:
        self._conninfo, self._set_up, self._source = conninfo, set_up, source
        self._open: Open | None = None

    @contextmanager
    def use(self) -> Iterator[Open]:
        """Give a working connection.

        Raises StoreUnavailable where PostgreSQL is away or lacks the tables, WrongSource where they are of another one.
        """
        try:
            yield self._get()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreUnavailable(f"PostgreSQL at {self._where()} does not answer: {_first_line(error)}") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:  # a standby, until it is the first
            self.close()  # the next connection may reach one that writes
            raise StoreUnavailable(f"PostgreSQL at {self._where()} takes nothing: {_first_line(error)}") from error
        except psycopg.errors.UndefinedTable as error:
            raise StoreUnavailable(f"PostgreSQL at {self._where()} lacks the tables; `make up` makes them") from error

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()

    def _get(self) -> Open:
        if self._open is None or self._open.closed:
            opened = psycopg.connect(
                self._conninfo, autocommit=True, connect_timeout=5, options=OPTIONS, application_name=NAME
            )
            try:
                self._see_whose(opened)
                opened.execute(self._set_up)
            except (psycopg.Error, StoreUnavailable):
                opened.close()
                raise
            self._open = opened
        return self._open

    def _see_whose(self, opened: Open) -> None:
        theirs = opened.execute(statements.SOURCE).fetchone()
        if theirs is not None and theirs[0] != self._source:
            raise WrongSource.met(self._where(), theirs[0], self._source)

    def _where(self) -> str:
        known = conninfo_to_dict(self._conninfo)  # the password stays out
        return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]
