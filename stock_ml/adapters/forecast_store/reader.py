"""Read what the pages show."""

from typing import Any

from psycopg.rows import dict_row

from stock_ml.adapters.forecast_store.connection import opened
from stock_ml.config import Settings

Row = dict[str, Any]

BARS = """
select ts, open, high, low, close, volume, filled, late from (
    select * from bars where symbol = %(symbol)s order by ts desc limit %(count)s
) as newest order by ts
"""
FORECASTS = """
select newest.*, bars.close as actual_close, newest.counts_if_known and bars.close is not null as counts from (
    select *, not late and bar_ts > trained_until as counts_if_known
    from forecasts where symbol = %(symbol)s order by bar_ts desc, horizon limit %(count)s
) as newest
left join bars on bars.symbol = newest.symbol and bars.ts = newest.target_ts
order by newest.bar_ts, newest.horizon
"""
SCORES = """
select count(*) as count,
       avg(abs(predicted_close - actual_close)) as mae_model,
       avg(abs(last_close - actual_close)) as mae_persistence,
       avg((actual_close between lower_50 and upper_50)::int) as coverage_50,
       avg((actual_close between lower_90 and upper_90)::int) as coverage_90,
       avg((actual_close between lower_99 and upper_99)::int) as coverage_99
from outcomes where symbol = %(symbol)s and counts
"""
STATES = "select service, state, extract(epoch from clock_timestamp() - updated_at)::float8 as age from service_state"


class Reader:
    """Read bars, forecasts, scores and states; safe in any thread, for each call has its own short connection.

    Every method raises psycopg.OperationalError where the server is away.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    @classmethod
    def connect(cls, s: Settings) -> "Reader":
        """Return a reader of this installation."""
        return cls(s.postgres())

    def bars(self, symbol: str, count: int = 390) -> list[Row]:
        """Return the newest bars of a symbol, ascending; `ts` aware, UTC."""
        return self._rows(BARS, {"symbol": symbol, "count": count})

    def forecasts(self, symbol: str, count: int = 390) -> list[Row]:
        """Return the newest forecasts of a symbol, ascending; `actual_close` is None until it came.

        `counts` says whether it counts in scores.
        """
        return self._rows(FORECASTS, {"symbol": symbol, "count": count})

    def scores(self, symbol: str) -> Row:
        """Return the errors and coverage of all forecasts that count; all but `count` are None where there are none."""
        return self._rows(SCORES, {"symbol": symbol})[0]

    def states(self) -> dict[str, Row]:
        """Return by service its `state` and its `age` in seconds."""
        return {row["service"]: {"state": row["state"], "age": row["age"]} for row in self._rows(STATES, {})}

    def _rows(self, query: str, values: dict[str, Any]) -> list[Row]:
        with opened(self._conninfo) as connection:
            rows: list[Row] = connection.cursor(row_factory=dict_row).execute(query, values).fetchall()
        return rows
