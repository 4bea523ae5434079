"""Write bars and forecasts in one transaction; the same rows again change nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from stock_ml.adapters.postgres.connection import Connection, Database
from stock_ml.adapters.postgres.store import copy_format, partitions, statements
from stock_ml.adapters.postgres.store.rows import BOUNDS, STRETCHES, Coming, Rows, Table
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar

NOTHING = Rows.of()
SILENT = 5.0  # seconds
PIECE = 1_000  # symbols asked for at a time: an answer must be there before a statement times out
VALUES = ("open", "high", "low", "close", "volume")
RECEIVED = np.dtype([("place", np.int32), ("ts", np.int64), *((c, np.float64) for c in VALUES)])
FORETOLD = np.dtype(
    [
        *(("place", np.int32), ("bar_ts", np.int64), ("target_ts", np.int64)),
        *((name, np.float64) for name in BOUNDS),
        *((name, np.float32) for name in STRETCHES),
        ("close", np.float64),
    ]
)


class Stored(NamedTuple):
    """Count rows; as the answer to `store` those that were new, or took a filled bar's place."""

    bars: int
    forecasts: int


class Around(NamedTuple):
    """Say from when on, and before when, stored bars are wanted; UTC epoch seconds."""

    since: int
    before: int


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
        return cls(Connection(Database(s.postgres(), "stockml store", s.source, set_up=statements.STAGING)))

    def store(self, bars: Table = (), forecasts: Table = ()) -> Stored:
        """Store bars and forecasts, all or nothing."""
        return self.store_batch(NOTHING, Rows.of(bars, forecasts))

    def store_batch(self, fresh: Rows | Coming, known: Rows) -> Stored:
        """Store what a batch brought, all or nothing.

        `fresh` rows are most likely not stored yet: they are copied in directly, and merged only where one is there.
        Those still `Coming` are made here, and what that raises is raised: nothing is stored then.
        """
        with self._connection.use() as connection:
            try:
                return _in_their_days(connection, known, fresh)
            except psycopg.errors.UniqueViolation:
                return _in_their_days(connection, Rows.together(known, _all(fresh)), NOTHING)

    def newest(self, wanted: Mapping[str, Around], count: int) -> np.ndarray:
        """Return of each symbol its `count` newest received bars before a time, and all from then on.

        A table of RECEIVED, ascending by `place`, the symbol's place in `wanted` from 0, and by `ts`.
        """
        parts = [self._newest({name: wanted[name] for name in part}, count) for part in _pieces(list(wanted))]
        return _by_place([np.empty(0, RECEIVED), *parts], "ts")

    def _newest(self, wanted: Mapping[str, Around], count: int) -> np.ndarray:
        since, before = (list(times) for times in zip(*wanted.values(), strict=True))
        values = {"symbols": list(wanted), "since": since, "before": before, "oldest": min(since), "count": count}
        return self._copied(statements.NEWEST, values, RECEIVED)

    def newest_forecasts(self, symbols: Sequence[str], horizon: int) -> np.ndarray:
        """Return of each symbol its newest forecasts, as many as can await their targets at a time.

        A table of FORETOLD, ascending by `place`, the symbol's place among `symbols`, and by `bar_ts`; `close` is the
        target's, NaN where it is not stored.
        """
        asked = ({"symbols": part, "horizon": horizon} for part in _pieces(list(symbols)))
        parts = (self._copied(statements.NEWEST_FORECASTS, one, FORETOLD) for one in asked)
        return _by_place([np.empty(0, FORETOLD), *parts], "bar_ts")

    def _copied(self, statement: str, values: Mapping[str, Any], dtype: np.dtype) -> np.ndarray:
        with (
            self._connection.use() as connection,
            connection.cursor() as cursor,
            cursor.copy(statement, values) as copy,
        ):
            return copy_format.decode(b"".join(copy), dtype)

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

    def write_member(self, service: str, member: str, state: Mapping[str, Any]) -> None:
        """Replace what one of several processes says of itself, under `members`, with its `at` in epoch seconds.

        The row tells the newest word, the sum of their `lag`, and what any of them is `waiting` for; one that was
        silent for SILENT seconds is not counted any more.
        """
        values = {"service": service, "member": member, "state": Jsonb(dict(state)), "silent": SILENT}
        with self._connection.use() as connection:
            connection.execute(statements.WRITE_MEMBER, values)

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
            connection.execute(statements.FORGET_SHADOWS, values)
            forecasts = connection.execute(statements.FORGET_FORECASTS, values).rowcount
            return Stored(connection.execute(statements.FORGET_BARS, values).rowcount, forecasts)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _pieces(symbols: list[str]) -> Iterator[list[str]]:
    yield from (symbols[start : start + PIECE] for start in range(0, len(symbols), PIECE))


def _by_place(parts: list[np.ndarray], time: str) -> np.ndarray:
    """Return the rows of all pieces, behind an empty one, with each symbol's place among all; by place and time."""
    for number, rows in enumerate(parts[1:]):
        rows["place"] += number * PIECE - 1
    found = np.concatenate(parts)
    return found[np.lexsort((found[time], found["place"]))]


def _in_their_days(connection: psycopg.Connection[Any], known: Rows, fresh: Rows | Coming) -> Stored:
    try:
        return _stored(connection, known, fresh)
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name:
            raise
        partitions.make(connection, known, _all(fresh))  # no rule is broken: these are the first rows of their day
    return _stored(connection, known, fresh)


def _all(rows: Rows | Coming) -> Rows:
    return rows.rows if isinstance(rows, Coming) else rows


def _stored(connection: psycopg.Connection[Any], known: Rows, fresh: Rows | Coming) -> Stored:
    with connection.transaction(), connection.cursor() as cursor:
        copied = _copied_in(cursor, fresh)
        merged = [_merge(cursor, *each) for each in zip(statements.STAGE, statements.MERGE, known, strict=True)]
        bars, forecasts, _ = (sum(counts) for counts in zip(copied, merged, strict=True))
        stored = Stored(bars, forecasts)
        if any(stored):
            minutes = partitions.minutes(known, _all(fresh))
            cursor.execute(statements.BATCH_STORED, {"first": int(minutes.min()), "last": int(minutes.max())})
    return stored


def _copied_in(cursor: psycopg.Cursor[Any], fresh: Rows | Coming) -> list[int]:
    """Copy rows in and count them; what is still coming is made while PostgreSQL takes the bars."""
    bars, *others = statements.COPY
    with _copying(cursor, bars, fresh.bars):
        made = fresh.forecasts, fresh.shadows
        ready = [
            (statement, copy_format.encode(rows)) for statement, rows in zip(others, made, strict=True) if len(rows)
        ]
    for statement, data in ready:
        with cursor.copy(statement) as copy:
            copy.write(data)
    return [len(fresh.bars), *map(len, made)]


@contextmanager
def _copying(cursor: psycopg.Cursor[Any], statement: str, rows: np.ndarray) -> Iterator[None]:
    """Send rows, and wait at the end of the block for PostgreSQL to have taken them."""
    if len(rows) == 0:
        yield
        return
    with cursor.copy(statement) as copy:
        copy.write(copy_format.encode(rows))
        yield


def _merge(cursor: psycopg.Cursor[Any], stage: str, merge: str, rows: np.ndarray) -> int:
    with _copying(cursor, stage, rows):
        pass
    return cursor.execute(merge).rowcount if len(rows) else 0
