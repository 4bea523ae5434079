"""What a run stored, and what a disturbed run has other than an undisturbed one."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from stock_ml.adapters.broker import Topics, decode_bar, read_back
from stock_ml.adapters.postgres.connection import Row
from stock_ml.config import Settings
from stock_ml.domain.json_object import JsonObject

Key = Row
KEYS = {"bars": ("symbol", "ts"), "forecasts": ("symbol", "bar_ts", "horizon")}
COUNT = "select count(*) from bars where not filled"
SINCE = "select symbol, bar_ts, horizon, predicted_close, stored_at from forecasts where stored_at > %s"
EARLY = "select count(*) from forecasts where made_at < bar_ts + interval '1 minute' or target_ts <= bar_ts"


@dataclass(frozen=True)
class Found:
    """Hold the rows of each table by their keys, but for the time of storing; what is on the topic more than once, and
    how many forecasts were made before their own bar was known.
    """

    rows: dict[str, dict[Key, JsonObject]]
    repeated: int
    early: int


def query_rows(s: Settings, query: str, values: list[object] | None = None) -> list[Key] | None:
    """Return what PostgreSQL answers, None where it is away."""
    try:
        with psycopg.connect(s.postgres(), connect_timeout=2) as connection:
            return connection.execute(query, values).fetchall()
    except psycopg.OperationalError:
        return None


def forecasts_since(s: Settings, stored_at: datetime | str) -> dict[Key, Key]:
    """Return value and time of storing of each forecast stored after a time; none where PostgreSQL is away."""
    return {row[:3]: row[3:] for row in query_rows(s, SINCE, [stored_at]) or []}


def found(s: Settings) -> Found:
    """Return what is stored and published."""
    published = [(bar.symbol, bar.ts) for bar in map(decode_bar, read_back(s, Topics.of(s).bars))]
    rows = {table: _rows(s, table, key) for table, key in KEYS.items()}
    return Found(rows, len(published) - len(set(published)), int((query_rows(s, EARLY) or [(0,)])[0][0]))


def compared(disturbed: Found, expected: Found) -> dict[str, int]:
    """Count bars that were lost, forecasts that are missing, what there is more of, and what is another value."""
    pairs = [(expected.rows[table], disturbed.rows[table]) for table in KEYS]
    return {
        "lost": len(pairs[0][0].keys() - pairs[0][1].keys()),
        "missing": len(pairs[1][0].keys() - pairs[1][1].keys()),
        "duplicated": disturbed.repeated + sum(len(now.keys() - before.keys()) for before, now in pairs),
        "changed": sum(now.get(key, row) != row for before, now in pairs for key, row in before.items()),
        "from_the_future": disturbed.early,
    }


def _rows(s: Settings, table: str, key: Key) -> dict[Key, JsonObject]:
    with psycopg.connect(s.postgres(), row_factory=dict_row) as connection:
        rows = connection.execute(f"select * from {table}").fetchall()  # noqa: S608 - names of this file
    for row in rows:
        del row["stored_at"]
    return {tuple(row[name] for name in key): row for row in rows}
