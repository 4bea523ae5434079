"""Drop whole days from the database; the caller copies their rows elsewhere first, in the same transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import sql

from stock_ml.adapters.postgres.connection import Connection, Database, PgConnection
from stock_ml.config import Settings

TABLES = ("bars", "replaced_bars", "forecasts", "shadow_forecasts")
# one that reads may go on while a day is copied; the drop itself waits for readers, and others behind it: not for long
OPTIONS = "-c statement_timeout=10min -c lock_timeout=5s -c timezone=UTC"
NEWEST_BAR = "select extract(epoch from max(ts))::bigint from bars"
DAYS = """
select distinct right(inhrelid::regclass::text, 8) from pg_inherits
where inhparent = any(array['bars', 'forecasts']::regclass[]) order by 1
"""
# a quota counts a day, and a reader that continues from an older batch starts anew; the page shows the newest report
OLD_ROWS = (
    "delete from batches where stored_at < now() - interval '1 day'",
    "delete from requests_spent where day < current_date - 7",
    "delete from looks where looked_at < now() - %(days)s * interval '1 day' and id < (select max(id) from looks)",
)

Read = Callable[[str], bytes]


class Retention:
    """List the stored days and drop them; every method raises StoreUnavailable where PostgreSQL does not answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, s: Settings) -> "Retention":
        """Return the retention of this installation; the connection opens with the first call."""
        return cls(Connection(Database(s.postgres(), "stockml retention", s.source, OPTIONS, silence=None)))

    def newest_bar(self) -> int | None:
        """Return the open of the newest bar stored, in UTC epoch seconds."""
        with self._connection.use() as connection:
            newest: int | None
            (newest,) = connection.execute(NEWEST_BAR).fetchone() or (None,)
            return newest

    def days(self) -> list[str]:
        """Return the days that have a partition, YYYY-MM-DD in UTC, ascending."""
        with self._connection.use() as connection:
            return [f"{day[:4]}-{day[4:6]}-{day[6:]}" for (day,) in connection.execute(DAYS)]

    @contextmanager
    def retire_day(self, day: str) -> Iterator[Read]:
        """Give a function that reads a table's rows of a day as CSV with a header, b"" for none; then drop the day.

        Nobody stores into the day meanwhile. An error in the block leaves the day as it is.
        """
        suffix = f"_{day.replace('-', '')}"
        with self._connection.use() as connection, connection.transaction():
            there = [table for table in TABLES if _exists(connection, table + suffix)]
            for table in there:
                connection.execute(sql.SQL("lock table {} in exclusive mode").format(sql.Identifier(table + suffix)))
            yield lambda table: _csv(connection, table + suffix) if table in there else b""
            for table in there:
                connection.execute(sql.SQL("drop table {}").format(sql.Identifier(table + suffix)))

    def delete_old_rows(self, days: int) -> None:
        """Delete batches and spent requests that nobody reads any more, and monitoring's reports older than `days`."""
        with self._connection.use() as connection:
            for statement in OLD_ROWS:
                connection.execute(statement, {"days": days})

    def vacuum(self) -> None:
        """Free the space of changed rows in all tables, and renew the planner's statistics."""
        with self._connection.use() as connection:
            connection.execute("vacuum (analyze, skip_locked)")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _exists(connection: PgConnection, table: str) -> bool:
    return connection.execute("select to_regclass(%s)", [table]).fetchone() != (None,)


def _csv(connection: PgConnection, table: str) -> bytes:
    copy = sql.SQL("copy (select * from {} order by 1, 2) to stdout (format csv, header)")
    with connection.cursor() as cursor:
        with cursor.copy(copy.format(sql.Identifier(table))) as rows:
            found = b"".join(rows)
        return found if cursor.rowcount else b""
