"""One process at a time does what has a name: PostgreSQL holds the lock, as processes may run on several machines."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable

LOCK = "select pg_advisory_lock(hashtextextended(%s, 7307))"


@contextmanager
def alone(s: Settings, name: str) -> Iterator[None]:
    """Run the block alone among those of this name; it waits for its turn. A process that dies gives its turn away.

    Raises StoreUnavailable where PostgreSQL does not answer.
    """
    try:
        connection = psycopg.connect(s.postgres(), autocommit=True, connect_timeout=5, application_name="stockml lock")
        connection.execute(LOCK, [f"{s.source} {name}"])
    except psycopg.OperationalError as error:
        raise StoreUnavailable("PostgreSQL does not answer: see that it runs (make status)") from error
    with connection:
        yield
