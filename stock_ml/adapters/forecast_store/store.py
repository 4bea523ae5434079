"""Write bars and forecasts in one transaction; the same rows again change nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stock_ml.adapters.forecast_store import statements
from stock_ml.adapters.forecast_store.connection import Connection
from stock_ml.adapters.forecast_store.rows import BarRow, ForecastRow
from stock_ml.bars import Bar
from stock_ml.config import Settings


class Stored(NamedTuple):
    """Count rows; as the answer to `store` those that were new, or took a filled bar's place."""

    bars: int
    forecasts: int


class ForecastStore:
    """Keep what the consumer makes; use it from one thread.

    Every method raises StoreUnavailable where PostgreSQL does not answer or lacks the tables, and WrongSource, one of
    its kind, where they hold the bars of another source.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, s: Settings) -> "ForecastStore":
        """Return a store of this installation; the connection opens with the first call."""
        return cls(Connection(s.postgres(), statements.STAGING, s.source))

    def store(self, bars: Iterable[BarRow], forecasts: Iterable[ForecastRow]) -> Stored:
        """Store bars and forecasts, all or nothing."""
        with self._connection.use() as connection, connection.transaction(), connection.cursor() as cursor:
            _copy(cursor, statements.COPY_BARS, bars)
            new_bars = cursor.execute(statements.MERGE_BARS).rowcount
            _copy(cursor, statements.COPY_FORECASTS, forecasts)
            return Stored(new_bars, cursor.execute(statements.MERGE_FORECASTS).rowcount)

    def received(self, before: Mapping[str, int], count: int) -> dict[str, list[Bar]]:
        """Return for each symbol its `count` newest received bars before a time, and all from then on; ascending.

        `before` is in UTC epoch seconds; a symbol without bars has an empty list.
        """
        values = {"symbols": list(before), "before": list(before.values()), "count": count}
        found: dict[str, list[Bar]] = {symbol: [] for symbol in before}
        with self._connection.use() as connection:
            for row in connection.execute(statements.RECEIVED, values):
                found[row[0]].append(Bar(*row))
        return found

    def write_state(self, service: str, state: Mapping[str, Any]) -> None:
        """Replace what a service says of itself."""
        with self._connection.use() as connection:
            connection.execute(statements.WRITE_STATE, {"service": service, "state": Jsonb(dict(state))})

    def read_state(self, service: str) -> tuple[dict[str, Any], float] | None:
        """Return what a service last said of itself, and how many wall seconds ago; None if it never did."""
        with self._connection.use() as connection:
            row: tuple[dict[str, Any], float] | None
            row = connection.execute(statements.READ_STATE, {"service": service}).fetchone()
            return row

    def now(self) -> float:
        """Return the database's own time, by which rows are stored, in epoch seconds."""
        with self._connection.use() as connection:
            (now,) = connection.execute(statements.NOW).fetchone() or (0.0,)
            return float(now)

    def has_timely(self, since: float) -> bool:
        """Say whether a forecast that was not late was stored since a time, in the database's epoch seconds."""
        with self._connection.use() as connection:
            (there,) = connection.execute(statements.TIMELY, {"since": since}).fetchone() or (False,)
            return bool(there)

    def held(self, symbols: Sequence[str], horizon: int, first: int, last: int) -> Stored:
        """Count the received bars from one minute to another (UTC epoch seconds), and the timely forecasts at them."""
        values = {"symbols": list(symbols), "horizon": horizon, "first": first, "last": last}
        with self._connection.use() as connection:
            return Stored(*(connection.execute(statements.HELD, values).fetchone() or (0, 0)))

    def forget(self, symbols: Sequence[str]) -> Stored:
        """Delete every bar and forecast of these symbols, and count them."""
        values = {"symbols": list(symbols)}
        with self._connection.use() as connection, connection.transaction():
            forecasts = connection.execute(statements.FORGET_FORECASTS, values).rowcount
            return Stored(connection.execute(statements.FORGET_BARS, values).rowcount, forecasts)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _copy(cursor: psycopg.Cursor[Any], statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
