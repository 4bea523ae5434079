"""The days in which bars and forecasts are kept, one partition of each table a UTC day."""

from typing import Any

import numpy as np
import psycopg

from stock_ml.adapters.postgres.store.rows import Rows

DAY = 86_400  # seconds
MAKE = """
select partition_day(parent, to_timestamp(second)::date)
from unnest(array['bars', 'forecasts', 'shadow_forecasts']) as parent, unnest(%(seconds)s::bigint[]) as second
"""


def minutes(*parts: Rows) -> np.ndarray:
    """Return the minutes by which rows find their day, UTC epoch seconds: a bar's own, a forecast's bar's."""
    times = [(rows.bars["ts"], rows.forecasts["bar_ts"], rows.shadows["bar_ts"]) for rows in parts]
    return np.concatenate([column for three in times for column in three])


def make(connection: psycopg.Connection[Any], *parts: Rows) -> None:
    """Make the days of these rows where they are missing."""
    connection.execute(MAKE, {"seconds": (np.unique(minutes(*parts) // DAY) * DAY).tolist()})
