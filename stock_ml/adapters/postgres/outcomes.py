"""Read forecasts with their outcomes; nothing is ever written through it."""

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from stock_ml.adapters.postgres.connection import Database
from stock_ml.config import Settings

NAME = "stockml research"  # as pg_stat_activity shows it
OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=120000 -c timezone=UTC"
TIMES = ("bar_ts", "target_ts", "trained_until", "made_at")
PRICES = (
    *("last_close", "predicted_close", "lower_50", "upper_50", "lower_90", "upper_90", "lower_99", "upper_99"),
    "actual_close",
)
FLAGS = ("actual_filled", "late", "counts")
COLUMNS = ("symbol", "session", *TIMES[:2], "horizon", *PRICES, "model_version", *TIMES[2:], *FLAGS)
_SELECTED = ", ".join(f"(extract(epoch from {name}) * 1e6)::bigint" if name in TIMES else name for name in COLUMNS)
# the bounds on bar_ts are implied by those on the session, which may open on the evening before; days are found by them
SELECT = f"""
copy (
    select {_SELECTED} from outcomes
    where symbol = any(%(symbols)s) and session between %(first)s and %(last)s
      and bar_ts >= %(first)s::timestamptz - interval '2 days' and bar_ts < %(last)s::timestamptz + interval '3 days'
    order by symbol, horizon, bar_ts
) to stdout (format csv, header)
"""  # noqa: S608 - names of this file


def read_outcomes(s: Settings, symbols: Sequence[str], first: date, last: date) -> pd.DataFrame:
    """Return the forecasts of these symbols and sessions whose outcome is known, in COLUMNS, in order of time.

    Raises StoreUnavailable, or WrongSource.
    """
    database = Database(s.postgres(), NAME, s.source, OPTIONS)
    values = {"symbols": list(symbols), "first": first, "last": last}
    body = io.BytesIO()
    with database.connection() as connection, connection.cursor().copy(SELECT, values) as rows:
        for part in rows:
            body.write(part)
    body.seek(0)
    return _typed(body)


def _typed(rows: io.BytesIO) -> pd.DataFrame:
    kinds: dict[str, Any] = {"symbol": "object", "model_version": "object", "session": "object", "horizon": "int64"}
    kinds |= dict.fromkeys(PRICES, "float64") | dict.fromkeys(FLAGS, "bool") | dict.fromkeys(TIMES, "int64")
    options: Any = {"float_precision": "round_trip", "true_values": ["t"], "false_values": ["f"]}
    frame: pd.DataFrame = pd.read_csv(rows, header=0, names=list(COLUMNS), dtype=kinds, **options)
    times = {name: pd.to_datetime(frame[name], unit="us", utc=True).astype("datetime64[ns, UTC]") for name in TIMES}
    return frame.assign(session=pd.to_datetime(frame["session"]).astype("datetime64[ns]"), **times)
