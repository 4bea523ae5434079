"""Connect to PostgreSQL: open, check whose tables these are, replace what broke, translate psycopg's errors."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from queue import LifoQueue
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ConnectionTimeout, _WaitTimeout

from stock_ml.config import Settings
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import BadRows, StoreUnavailable, WrongSource

Row = tuple[Any, ...]
T = TypeVar("T")
PgConnection = psycopg.Connection[Row]
SOURCE = "select source from installation"
# a server that does not finish a statement is reported as unavailable: callers try again
OPTIONS = "-c statement_timeout=30000 -c timezone=UTC"
SILENCE = 35.0  # seconds: a server that runs has cancelled the statement by then
POOL_SIZE = 8
PAUSE = 5.0  # seconds in which a pool does not query a server that hangs


class ServerHangs(psycopg.OperationalError):
    """Report a server that accepted a statement and does not answer: its process, or its disk, stands still."""


class DeadlineConnection(psycopg.Connection[Row]):
    """Give up a server that hangs.

    The server's own timeouts need a server that runs, and TCP sees no fault, because the kernel still
    acknowledges. So the client waits for each answer `silence` seconds at most, None for any time.
    """

    silence: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer as psycopg does. Raises ServerHangs, and closes the connection, after `silence`."""
        if timeout is not None or self.silence is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.silence)
        except _WaitTimeout:
            self.close()
            raise ServerHangs(f"it accepted a statement, and was silent for {self.silence:.0f} s") from None


class ServiceState(NamedTuple):
    """Hold what a service last stored of itself, and how many wall seconds ago."""

    state: JsonObject
    age: float


@dataclass(frozen=True)
class Database:
    """Open connections to one database, and translate what goes wrong on them.

    `name` is what pg_stat_activity shows. Tables of another `source` are refused; None checks nothing. `set_up` runs in
    each new connection. `silence` is for how many seconds an answer is waited for, None where statements take any time.
    """

    conninfo: str = field(repr=False)
    name: str
    source: str | None = None
    options: str = OPTIONS
    set_up: str = ""
    connect_timeout: int = 5  # seconds
    silence: float | None = SILENCE

    def open(self) -> DeadlineConnection:
        """Return a new connection in autocommit mode. Raises WrongSource, and psycopg's errors as they are."""
        with ExitStack() as on_error:
            connection = DeadlineConnection.connect(
                self.conninfo,
                autocommit=True,
                application_name=self.name,
                connect_timeout=self.connect_timeout,
                options=self.options,
            )
            on_error.callback(connection.close)
            connection.silence = self.silence
            self._check_source(connection)
            if self.set_up:
                connection.execute(self.set_up)
            on_error.pop_all()
        return connection

    @contextmanager
    def connection(self) -> Iterator[PgConnection]:
        """Open a connection for the block alone. Raises StoreUnavailable, or WrongSource."""
        with self.translate_errors(), closing(self.open()) as connection:
            yield connection

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise those of psycopg's errors that `unavailable` knows as StoreUnavailable."""
        try:
            yield
        except psycopg.Error as error:
            if (known := unavailable(error, self.conninfo)) is None:
                raise
            raise known from error

    def _check_source(self, connection: PgConnection) -> None:
        found = connection.execute(SOURCE).fetchone() if self.source else None
        if self.source and found and found[0] != self.source:
            raise WrongSource.met(address(self.conninfo), found[0], self.source)


class Connection:
    """Keep one connection of a database, and open a new one after it broke; use it from one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: DeadlineConnection | None = None

    @contextmanager
    def use(self, silence: float | None = None) -> Iterator[PgConnection]:
        """Give a working connection; wait at most `silence` seconds for each answer, where that is less than usual.

        Raises StoreUnavailable where PostgreSQL is away or lacks the tables, WrongSource where they are of another one.
        """
        with self._database.translate_errors():
            if self._connection is None or self._connection.closed:
                self._connection = self._database.open()
            self._connection.silence = silence or self._database.silence
            try:
                yield self._connection
            except psycopg.errors.ReadOnlySqlTransaction:  # a standby: the next connection may reach the primary
                self.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Pool:
    """Query a database from any thread over at most POOL_SIZE connections; further threads wait for their turn.

    docs/decisions/0001-own-connection-pool.md says why this is not psycopg_pool's.
    """

    def __init__(self, database: Database) -> None:
        self.database, self._closed = database, False
        self._hang: tuple[StoreUnavailable, float] | None = None
        self._places: LifoQueue[PgConnection | None] = (
            LifoQueue()
        )  # the connection used last is the likeliest to be open
        for _ in range(POOL_SIZE):
            self._places.put(None)

    def rows(self, query: str, values: Mapping[str, object]) -> list[Row]:
        """Return a query's rows; it is sent again, once, where the connection broke while it was idle.

        After a server was silent, none is sent for some seconds: who waits for a place would wait again.
        Raises StoreUnavailable, WrongSource, or BadRows where a row holds a number that PostgreSQL cannot compute with.
        """
        connection = self._places.get()
        try:
            if self._closed:
                raise StoreUnavailable("the connections to PostgreSQL are closed")
            if self._hang and monotonic() < self._hang[1]:
                raise self._hang[0]
            with self._remember_hang(), self.database.translate_errors():
                if connection is not None and (found := _rows_unless_broken(connection, query, values)) is not None:
                    return found
                connection = self.database.open()
                return connection.execute(query, values).fetchall()
        except psycopg.DataError as error:
            raise self._bad_rows(error) from error
        finally:
            self._places.put(connection)

    def close(self) -> None:
        """Close every connection, those in use when they are given back; later queries raise StoreUnavailable."""
        self._closed = True
        for _ in range(POOL_SIZE):
            if (connection := self._places.get()) is not None:
                connection.close()
        for _ in range(POOL_SIZE):
            self._places.put(None)

    @contextmanager
    def _remember_hang(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable as error:
            if isinstance(error.__cause__, ServerHangs | ConnectionTimeout):
                self._hang = error, monotonic() + PAUSE
            raise

    def _bad_rows(self, error: psycopg.DataError) -> BadRows:
        return BadRows(
            f"PostgreSQL at {address(self.database.conninfo)} cannot compute with the rows that it holds: "
            f"{reason(error)}; look in `bars` and `forecasts` for a number that cannot be true, and delete its row"
        )


def admin_connection(s: Settings, database: str) -> AbstractContextManager[PgConnection]:
    """Open a connection to any database of the server for a block. Raises StoreUnavailable."""
    return Database(s.postgres(database), "stockml admin", options="", connect_timeout=10, silence=None).connection()


def address(conninfo: str) -> str:
    """Return host:port of a connection string, without its password."""
    known = conninfo_to_dict(conninfo)
    return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"


def reason(error: psycopg.Error) -> str:
    """Return the first line of an error, without psycopg's account of where it connected to."""
    return (str(error).strip().splitlines() or ["no reason given"])[0].rpartition(" failed: ")[2]


def unavailable(error: psycopg.Error, conninfo: str) -> StoreUnavailable | None:
    """Return psycopg's error as the project's own, None where the statement itself is wrong."""
    match error:
        case psycopg.errors.QueryCanceled() | psycopg.errors.LockNotAvailable():
            problem = f"cancelled a query: {reason(error)}"
        case psycopg.errors.ReadOnlySqlTransaction():
            problem = f"accepts no writes: {reason(error)}"
        case psycopg.errors.UndefinedTable():
            problem = "lacks the tables; `make up` creates them"
        case psycopg.OperationalError() | psycopg.InterfaceError():
            problem = f"does not answer: {reason(error)}; `make status` shows its process"
        case _:
            return None
    return StoreUnavailable(f"PostgreSQL at {address(conninfo)} {problem}")


def _rows_unless_broken(connection: PgConnection, query: str, values: Mapping[str, object]) -> list[Row] | None:
    """Return the rows over a connection that was idle, None where it turns out to be broken."""
    if connection.closed:
        return None
    try:
        return connection.execute(query, values).fetchall()
    except ServerHangs:
        raise
    except psycopg.OperationalError:
        if not connection.closed:
            raise
        return None
