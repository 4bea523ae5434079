"""One connection that is opened when first needed, and again when it broke."""

from typing import Any

import psycopg

from stock_ml.config import Settings

Rows = psycopg.Connection[Any]


def opened(conninfo: str) -> Rows:
    """Open a connection in autocommit mode, its times in UTC.

    Raises psycopg.OperationalError where the server is away; one that hangs looks alike, after 5 s or 30 s.
    """
    options = "-c statement_timeout=30000 -c timezone=UTC"
    return psycopg.connect(conninfo, autocommit=True, connect_timeout=5, options=options)


class Connection:
    """Keep one connection to the database `stockml`; use it from one thread."""

    def __init__(self, conninfo: str, set_up: str = "") -> None:
        self._conninfo, self._set_up = conninfo, set_up
        self._open: Rows | None = None

    def get(self) -> Rows:
        """Return a working connection.

        Raises psycopg.OperationalError where the server is away; the next call tries again.
        """
        if self._open is None or self._open.closed:
            self._open = opened(self._conninfo)
            if self._set_up:
                self._open.execute(self._set_up)
        return self._open

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()


def to_store(s: Settings, set_up: str = "") -> Connection:
    """Return a connection, not yet opened, to the database `stockml`."""
    return Connection(s.postgres(), set_up)
