"""Read from PostgreSQL what the dashboard shows; nothing is ever written through it."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable, WrongSource

Row = tuple[Any, ...]
NAME = "stockml dashboard"  # as pg_stat_activity shows it
OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=5000 -c timezone=UTC"

# A row carries the start of its transaction as stored_at, but is seen only after the commit: a cursor must not pass the
# start of a transaction that still runs. Two seconds of slack cover the moment in which one starts; one that hangs is
# waited for five minutes, so that a forgotten psql does not make every poll read the whole day again.
CURSOR = """
select (extract(epoch from greatest(
    least(clock_timestamp(), min(xact_start)) - interval '2 seconds', clock_timestamp() - interval '5 minutes'
)) * 1000000)::bigint
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
BARS = """
select (extract(epoch from ts) * 1000)::bigint, open, high, low, close, volume, filled from bars
where symbol = %(symbol)s and ts >= to_timestamp(%(since)s / 1000.0) and ts < to_timestamp(%(until)s / 1000.0)
  and stored_at >= to_timestamp(%(stored)s / 1000000.0)
order by ts desc limit %(limit)s
"""
# the bounds on bar_ts are implied by those on target_ts (a horizon is at most an hour); the key can use them
FORECASTS = """
select (extract(epoch from target_ts) * 1000)::bigint, predicted_close, lower_50, upper_50, lower_90, upper_90,
       model_version, (extract(epoch from bar_ts) * 1000)::bigint, late
from forecasts
where symbol = %(symbol)s and horizon = %(horizon)s
  and target_ts >= to_timestamp(%(since)s / 1000.0) and target_ts < to_timestamp(%(until)s / 1000.0)
  and bar_ts >= to_timestamp(%(since)s / 1000.0) - interval '1 hour' and bar_ts < to_timestamp(%(until)s / 1000.0)
  and stored_at >= to_timestamp(%(stored)s / 1000000.0)
order by bar_ts desc limit %(limit)s
"""
# the newest session of the symbol; `gain` is how much nearer the model came than the last price did
SCORE = """
with newest as (
    select session from forecasts where symbol = %(symbol)s and horizon = %(horizon)s order by bar_ts desc limit 1
), errors as (
    select abs(predicted_close - actual_close) as model, abs(last_close - actual_close) as persistence,
           (actual_close between lower_90 and upper_90)::int as inside
    from outcomes join newest using (session)
    where symbol = %(symbol)s and horizon = %(horizon)s and counts
      and bar_ts >= session - interval '1 day' and bar_ts < session + interval '2 days'
)
select (select to_char(session, 'YYYY-MM-DD') from newest), count(*)::int, avg(model), avg(persistence),
       avg(persistence - model), stddev_samp(persistence - model), avg(inside)::float8
from errors
"""
SOURCE = "select source from installation"
LAST_BAR = "select (extract(epoch from max(ts)) * 1000)::bigint from bars where symbol = %(symbol)s"
SERVICES = "select service, state, extract(epoch from clock_timestamp() - updated_at)::float8 from service_state"
# steps from symbol to symbol along the key, where `select distinct` would read every bar
SYMBOLS = """
with recursive known as (
    (select symbol from bars order by symbol limit 1)
    union all
    select (select symbol from bars where bars.symbol > known.symbol order by symbol limit 1)
    from known where known.symbol is not null
)
select symbol from known where symbol is not null
"""


class Score(NamedTuple):
    """Hold the newest session's errors in price units over the forecasts that count; None where there are none."""

    session: str | None
    counted: int
    mae_model: float | None
    mae_persistence: float | None
    gain: float | None
    gain_deviation: float | None
    coverage_90: float | None


class Span(NamedTuple):
    """Say which rows: `since` to `until` in epoch milliseconds, stored at or after `stored` (epoch microseconds)."""

    symbol: str
    since: int
    until: int
    stored: int
    limit: int


class Service(NamedTuple):
    """Hold what a service last said, and how many wall seconds ago."""

    state: dict[str, Any]
    age: float


class ForecastReader:
    """Read bars, forecasts, scores and states; one connection a thread, opened when needed and again when it broke.

    Every method raises StoreUnavailable where PostgreSQL does not answer or lacks the tables, and WrongSource, one of
    its kind, where they hold the bars of another source.
    """

    def __init__(self, conninfo: str, horizon: int, source: str) -> None:
        self._conninfo, self._horizon, self._source = conninfo, horizon, source
        self._local = threading.local()

    @classmethod
    def connect(cls, s: Settings) -> "ForecastReader":
        """Return a reader of this installation; nothing is opened yet."""
        return cls(s.postgres(), s.horizon, s.source)

    def cursor(self) -> int:
        """Return the time, epoch microseconds, before which every row stored can be seen. Ask before reading rows."""
        return int(self._rows(CURSOR, {})[0][0])

    def bars(self, span: Span) -> list[Row]:
        """Return the newest bars of a span, ascending: ts_ms, open, high, low, close, volume, filled."""
        return self._rows(BARS, span._asdict())[::-1]

    def forecasts(self, span: Span) -> list[Row]:
        """Return the newest forecasts by target in a span, ascending.

        A row is target_ts_ms, predicted, lower_50, upper_50, lower_90, upper_90, model_version, bar_ts_ms, late.
        """
        return self._rows(FORECASTS, span._asdict() | {"horizon": self._horizon})[::-1]

    def score(self, symbol: str) -> Score:
        """Return the score of a symbol's newest session."""
        return Score(*self._rows(SCORE, {"symbol": symbol, "horizon": self._horizon})[0])

    def last_bar(self, symbol: str) -> int | None:
        """Return the newest bar's open in epoch milliseconds."""
        newest: int | None = self._rows(LAST_BAR, {"symbol": symbol})[0][0]
        return newest

    def services(self) -> dict[str, Service]:
        """Return by name what each service last said of itself."""
        return {name: Service(state, age) for name, state, age in self._rows(SERVICES, {})}

    def symbols(self) -> list[str]:
        """Return every symbol that has a bar, in order."""
        return [symbol for (symbol,) in self._rows(SYMBOLS, {})]

    def ping(self) -> None:
        """Ask for nothing, to see whether PostgreSQL answers."""
        self._rows("select 1", {})

    def close(self) -> None:
        """Close this thread's connection."""
        if (connection := getattr(self._local, "open", None)) is not None:
            connection.close()

    def _rows(self, query: str, values: dict[str, Any]) -> list[Row]:
        def ask() -> list[Row]:
            return self._connection().execute(query, values).fetchall()

        try:
            return self._again(ask)
        except psycopg.OperationalError as error:
            raise StoreUnavailable(
                f"PostgreSQL at {self._where()} does not answer; `make status` shows its process"
            ) from error
        except psycopg.errors.UndefinedTable as error:
            raise StoreUnavailable(f"PostgreSQL at {self._where()} lacks the tables; `make up` makes them") from error

    def _again(self, ask: Callable[[], list[Row]]) -> list[Row]:
        """Ask once more on a new connection where an old one broke: a restart of the server costs no answer."""
        had_one = getattr(self._local, "open", None) is not None
        try:
            return ask()
        except psycopg.OperationalError:
            if not had_one or not self._local.open.closed:
                raise
            return ask()

    def _connection(self) -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Row] | None = getattr(self._local, "open", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=3,
                options=OPTIONS,
                application_name=NAME,
            )
            try:
                self._see_whose(connection)
            except (psycopg.Error, WrongSource):
                connection.close()
                raise
            self._local.open = connection
        return connection

    def _see_whose(self, connection: psycopg.Connection[Row]) -> None:
        theirs = connection.execute(SOURCE).fetchone()
        if theirs is not None and theirs[0] != self._source:
            raise WrongSource.met(self._where(), theirs[0], self._source)

    def _where(self) -> str:
        known = conninfo_to_dict(self._conninfo)  # the password stays out
        return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"
