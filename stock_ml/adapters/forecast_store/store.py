"""Write bars and forecasts in one transaction; the same rows again change nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stock_ml.adapters.forecast_store.connection import Connection, to_store
from stock_ml.adapters.forecast_store.rows import BarRow, ForecastRow
from stock_ml.config import Settings

# rows are copied into these and merged from there: one statement a batch, not one a row
STAGING = """
create temp table new_bars (
    symbol text, ts bigint, open float8, high float8, low float8, close float8, volume float8,
    filled boolean, source text, late boolean
) on commit delete rows;
create temp table new_forecasts (
    symbol text, bar_ts bigint, horizon smallint, target_ts bigint, session date, last_close float8,
    predicted_close float8, lower_50 float8, upper_50 float8, lower_90 float8, upper_90 float8, lower_99 float8,
    upper_99 float8, model_version text, trained_until float8, made_at float8, late boolean
) on commit delete rows
"""
# a received bar never changes; a filled one gives way to the bar that came late, or to a fill that knows of it
MERGE_BARS = """
insert into bars (symbol, ts, open, high, low, close, volume, filled, source, late)
select symbol, to_timestamp(ts), open, high, low, close, volume, filled, source, late from new_bars order by 1, 2
on conflict (symbol, ts) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, filled = excluded.filled, late = excluded.late, stored_at = now()
where bars.filled and (bars.close, bars.filled) is distinct from (excluded.close, excluded.filled)
"""
MERGE_FORECASTS = """
insert into forecasts (symbol, bar_ts, horizon, target_ts, session, last_close, predicted_close, lower_50, upper_50,
    lower_90, upper_90, lower_99, upper_99, model_version, trained_until, made_at, late)
select symbol, to_timestamp(bar_ts), horizon, to_timestamp(target_ts), session, last_close, predicted_close, lower_50,
    upper_50, lower_90, upper_90, lower_99, upper_99, model_version, to_timestamp(trained_until),
    to_timestamp(made_at), late
from new_forecasts order by 1, 2, 3
on conflict do nothing
"""
NEWEST = """
select wanted.symbol, extract(epoch from newest.ts)::bigint, open, high, low, close, volume
from unnest(%(symbols)s::text[]) as wanted (symbol)
cross join lateral (
    select * from bars where bars.symbol = wanted.symbol and not filled order by ts desc limit %(count)s
) as newest
order by 1, 2
"""
STATE = """
insert into service_state (service, state) values (%(service)s, %(state)s)
on conflict (service) do update set state = excluded.state, updated_at = now()
"""


Row = tuple[str, int, float, float, float, float, float]


class Stored(NamedTuple):
    """Count the rows that were new."""

    bars: int
    forecasts: int


class ForecastStore:
    """Write what the consumer makes; every method raises psycopg.OperationalError where the server is away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, s: Settings) -> "ForecastStore":
        """Return a store of this installation; the connection opens with the first call."""
        return cls(to_store(s, STAGING))

    def store(self, bars: Iterable[BarRow], forecasts: Iterable[ForecastRow]) -> Stored:
        """Store bars and forecasts, all or nothing, and return how many were new."""
        connection = self._connection.get()
        with connection.transaction(), connection.cursor() as cursor:
            _copy(cursor, "copy new_bars from stdin", bars)
            new_bars = cursor.execute(MERGE_BARS).rowcount
            _copy(cursor, "copy new_forecasts from stdin", forecasts)
            return Stored(new_bars, cursor.execute(MERGE_FORECASTS).rowcount)

    def newest_received(self, symbols: Sequence[str], count: int) -> list[Row]:
        """Return up to `count` newest received bars a symbol: symbol, ts, open, high, low, close, volume; ascending."""
        return self._connection.get().execute(NEWEST, {"symbols": list(symbols), "count": count}).fetchall()

    def write_state(self, service: str, state: Mapping[str, Any]) -> None:
        """Replace what a service says of itself."""
        self._connection.get().execute(STATE, {"service": service, "state": Jsonb(dict(state))})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _copy(cursor: psycopg.Cursor[Any], statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
