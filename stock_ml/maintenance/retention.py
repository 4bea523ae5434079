"""Move days older than the newest sessions from PostgreSQL to S3 as Parquet, and drop them."""

import logging
from collections.abc import Iterable

import numpy as np

from stock_ml.adapters.lake import Archive
from stock_ml.adapters.postgres.retention import TABLES, Retention
from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions

log = logging.getLogger(__name__)
DAY = 86_400  # seconds


def retire(s: Settings) -> dict[str, dict[str, int]]:
    """Move the days before the newest `keep_sessions` sessions to S3, and return how many rows of each went.

    A day is dropped after its rows were read back from S3; whatever dies on the way, the next run goes on.
    Raises StoreUnavailable where PostgreSQL or S3 does not answer.
    """
    store, archive = Retention.connect(s), Archive.connect(s)
    moved = {}
    try:
        newest = store.newest_bar()
        calendars = {s.calendars.of(symbol) for symbol in s.symbols}
        for day in [] if newest is None else old_days(store.days(), newest, s.keep_sessions, calendars):
            with store.retire_day(day) as read:
                moved[day] = {table: archive.add(table, day, rows) for table in TABLES if (rows := read(table))}
            log.info("moved %s to S3: %s", day, moved[day])
        store.delete_old_rows(s.keep_log_days)
        store.vacuum()
    finally:
        store.close()
    return moved


def old_days(days: Iterable[str], newest: int, keep: int, calendars: Iterable[Sessions]) -> list[str]:
    """Return the days, of YYYY-MM-DD in UTC, that end before the newest `keep` sessions of every calendar begin.

    `newest` is a bar of the newest session, in UTC epoch seconds.
    """
    first = min(int(each.opens[max(_number(newest, each) - keep + 1, 0)]) for each in calendars)
    return [day for day in days if int(np.datetime64(day, "s").astype(np.int64)) + DAY <= first]


def _number(ts: int, calendar: Sessions) -> int:
    """Return the number of the session at a time or the next one; of a calendar that ends before, the last one."""
    return min(calendar.ended(ts), len(calendar.dates) - 1)
