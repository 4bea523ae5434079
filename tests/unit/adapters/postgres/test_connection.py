"""What the project says of psycopg's errors."""

import psycopg
import pytest
from psycopg import errors

from stock_ml.adapters.postgres.connection import Database, address, unavailable

CONNINFO = "postgresql://stockml:secret@db.example:6000/stockml"
REFUSED = 'connection failed: connection to server at "10.0.0.1", port 6000 failed: Connection refused\n\tIs it there?'


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (psycopg.OperationalError(REFUSED), "does not answer: Connection refused; `make status` shows its process"),
        (psycopg.OperationalError(), "does not answer: no reason given; `make status` shows its process"),
        (psycopg.InterfaceError("closed"), "does not answer: closed; `make status` shows its process"),
        (errors.QueryCanceled("statement timeout"), "cancelled a query: statement timeout"),
        (errors.LockNotAvailable("lock timeout"), "cancelled a query: lock timeout"),
        (errors.ReadOnlySqlTransaction("read-only"), "accepts no writes: read-only"),
        (errors.UndefinedTable('"bars"'), "lacks the tables; `make up` creates them"),
    ],
)
def test_an_unavailable_database_is_named_with_the_reason_and_without_the_password(
    error: psycopg.Error, message: str
) -> None:
    assert str(unavailable(error, CONNINFO)) == f"PostgreSQL at db.example:6000 {message}"


def test_an_error_of_the_statement_itself_stays_as_it_is() -> None:
    assert unavailable(errors.UniqueViolation(), CONNINFO) is None
    with pytest.raises(errors.SyntaxError), Database(CONNINFO, "test").translate_errors():
        raise errors.SyntaxError


def test_an_address_has_defaults_and_nothing_shows_the_password() -> None:
    assert address("dbname=stockml password=secret") == "localhost:5432"
    assert "secret" not in repr(Database(CONNINFO, "test"))
