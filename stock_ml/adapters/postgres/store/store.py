"""Write bars and forecasts in one transaction; the same rows again change nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from stock_ml.adapters.postgres.connection import Connection, Database, ServiceState
from stock_ml.adapters.postgres.store import copy_format, statements
from stock_ml.adapters.postgres.store.rows import (
    STORED_BARS,
    STORED_FORECASTS,
    Forecasts,
    OfficialCloseRow,
    OtherRows,
    Rows,
    Table,
)
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.official_close import OfficialClose

NOTHING, NO_FORECASTS, NO_OTHERS = Rows.of(), Forecasts(), OtherRows()
EXPIRY = 5.0  # seconds after which the word of a process counts no more
REPORT_SILENCE = 3.0  # seconds: a service that reports must not stand still with a server that hangs
PIECE = 1_000  # symbols asked for at a time: an answer must be there before a statement times out
DAY = 86_400  # seconds


class Stored(NamedTuple):
    """Count rows; as the answer to `store` those that were new, or took another's place."""

    bars: int
    forecasts: int


class Around(NamedTuple):
    """Say from when on, and before when, stored bars are wanted; UTC epoch seconds."""

    since: int
    before: int


class _Sending(NamedTuple):
    """Hold an open transaction, and the COPY by which PostgreSQL receives bars in it."""

    transaction: ExitStack
    copy: ExitStack
    cursor: psycopg.Cursor[Any]


@dataclass(eq=False)
class Writing:
    """Hold the bars of a batch that is being written, and how they are sent, None where they must be sent again.

    `others` are what `finish` sends with the forecasts.
    """

    insert: np.ndarray
    merge: np.ndarray
    sending: _Sending | None
    others: OtherRows


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

    def begin(self, insert: np.ndarray, merge: np.ndarray, others: OtherRows = NO_OTHERS) -> Writing:
        """Open a transaction and send it bars; PostgreSQL works on them until `finish` is called.

        Bars to `insert` are most likely not stored yet: they are copied in directly. Bars to `merge` may be stored;
        a newer version of a stored one moves that one to the replaced bars.
        Until then only `finish` and `cancel` may be called.
        """
        with self._connection.use() as connection:
            return Writing(insert, merge, _send(connection, insert), others)

    def finish(self, writing: Writing, insert: Forecasts = NO_FORECASTS, merge: Forecasts = NO_FORECASTS) -> Stored:
        """Add the bars' forecasts and the other rows and commit, all or nothing; the same again change nothing.

        After StoreUnavailable nothing is stored: call it again, it sends the bars again where it must.
        """
        rows, others = Rows(writing.insert, *insert), writing.others
        known = Rows(writing.merge, *merge, others.replaced)
        with self._connection.use() as connection:
            try:
                return _write(connection, rows, known, others, _sending(writing, connection))
            except psycopg.errors.UniqueViolation:
                return _write(connection, NOTHING, Rows.concat(known, rows), others)

    def cancel(self, writing: Writing) -> None:
        """Roll back what was sent, so that no transaction waits for what is unavailable; `finish` sends it again."""
        _cancel(writing)

    def store(self, bars: Table = (), forecasts: Table = ()) -> Stored:
        """Store bars and forecasts that may be stored already, all or nothing."""
        rows = Rows.of(bars, forecasts)
        return self.finish(self.begin(NOTHING.bars, rows.bars), merge=Forecasts(rows.forecasts, rows.shadows))

    def newest(self, wanted: Mapping[str, Around], count: int) -> np.ndarray:
        """Return of each symbol its `count` newest received bars before a time, and all from then on.

        A table of STORED_BARS, ascending by `place`, the symbol's place in `wanted` from 0, and by `ts`.
        """
        parts = [self._newest({name: wanted[name] for name in part}, count) for part in _pieces(list(wanted))]
        return _by_place([np.empty(0, STORED_BARS), *parts], "ts")

    def _newest(self, wanted: Mapping[str, Around], count: int) -> np.ndarray:
        since, before = (list(times) for times in zip(*wanted.values(), strict=True))
        values = {"symbols": list(wanted), "since": since, "before": before, "oldest": min(since), "count": count}
        return self._read(statements.NEWEST, values, STORED_BARS)

    def newest_forecasts(self, symbols: Sequence[str], horizon: int) -> np.ndarray:
        """Return of each symbol its newest forecasts, as many as can await their targets at a time.

        A table of STORED_FORECASTS, ascending by `place`, the symbol's place among `symbols`, and by `bar_ts`;
        `close` is the target's, NaN where it is not stored.
        """
        asked = ({"symbols": part, "horizon": horizon} for part in _pieces(list(symbols)))
        parts = (self._read(statements.NEWEST_FORECASTS, one, STORED_FORECASTS) for one in asked)
        return _by_place([np.empty(0, STORED_FORECASTS), *parts], "bar_ts")

    def _read(self, select: str, values: Mapping[str, object], dtype: np.dtype) -> np.ndarray:
        """Return what a statement selects, each column by its name."""
        statement = statements.copy_out(select, dtype.names or ())
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
        with self._connection.use() as connection, connection.cursor(row_factory=class_row(Bar)) as cursor:
            for bar in cursor.execute(statements.RECEIVED, values):
                found[bar.symbol].append(bar)
        return found

    def official_closes(self, symbols: Sequence[str], since: int) -> list[OfficialClose]:
        """Return the official closes of symbols since a time in UTC epoch seconds, by symbol and time."""
        values = {"symbols": list(symbols), "since": since}
        with self._connection.use() as connection, connection.cursor(row_factory=class_row(OfficialClose)) as cursor:
            return cursor.execute(statements.OFFICIAL_CLOSES, values).fetchall()

    def write_state(self, service: str, state: Mapping[str, object]) -> None:
        """Replace what a service says of itself."""
        with self._connection.use(REPORT_SILENCE) as connection:
            connection.execute(statements.WRITE_STATE, {"service": service, "state": Jsonb(dict(state))})

    def write_member(self, service: str, member: str, state: Mapping[str, object]) -> None:
        """Replace what one of several processes says of itself, under `members`, with its `at` in epoch seconds.

        The row tells the newest word, the sum of their `lag`, and what any of them is `waiting` for; one that was
        silent for EXPIRY seconds is not counted any more.
        """
        values = {"service": service, "member": member, "state": Jsonb(dict(state)), "expiry": EXPIRY}
        with self._connection.use(REPORT_SILENCE) as connection:
            connection.execute(statements.WRITE_MEMBER, values)

    def read_state(self, service: str) -> ServiceState | None:
        """Return what a service last said of itself, and how many wall seconds ago; None if it never did."""
        with self._connection.use() as connection:
            row = connection.execute(statements.READ_STATE, {"service": service}).fetchone()
            return ServiceState(*row) if row else None

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

    def count_stored(self, symbols: Sequence[str], horizon: int, first: int, last: int) -> Stored:
        """Count the received bars from one minute to another (UTC epoch seconds), and the timely forecasts at them."""
        values = {"symbols": list(symbols), "horizon": horizon, "first": first, "last": last}
        with self._connection.use() as connection, connection.cursor(row_factory=class_row(Stored)) as cursor:
            return cursor.execute(statements.COUNT_STORED, values).fetchone() or Stored(0, 0)

    def forget(self, symbols: Sequence[str]) -> Stored:
        """Delete every bar, forecast and official close of these symbols, and count bars and forecasts."""
        values = {"symbols": list(symbols)}
        with self._connection.use() as connection, connection.transaction():
            connection.execute(statements.FORGET_SHADOWS, values)
            connection.execute(statements.FORGET_CLOSES, values)
            connection.execute(statements.FORGET_REPLACED, values)
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


def _send(connection: psycopg.Connection[Any], bars: np.ndarray) -> _Sending:
    with ExitStack() as transaction:
        transaction.enter_context(connection.transaction())
        cursor = transaction.enter_context(connection.cursor())
        copy = transaction.enter_context(ExitStack())
        if len(bars):
            statement, data = _encoded(statements.TABLES[0], bars)
            copy.enter_context(cursor.copy(statement)).write(data)
        return _Sending(transaction.pop_all(), copy, cursor)


def _sending(writing: Writing, connection: psycopg.Connection[Any]) -> _Sending | None:
    """Return how the bars were sent, for one use, None unless it was over this connection."""
    if writing.sending is not None and writing.sending.cursor.connection is not connection:
        _cancel(writing)
    sending, writing.sending = writing.sending, None
    return sending


def _cancel(writing: Writing) -> None:
    sending, writing.sending = writing.sending, None
    if sending is not None:
        with suppress(psycopg.Error, psycopg.Rollback), sending.transaction:  # a broken one is rolled back already
            raise psycopg.Rollback


def _write(
    connection: psycopg.Connection[Any],
    insert: Rows,
    merge: Rows,
    others: OtherRows,
    sending: _Sending | None = None,
) -> Stored:
    try:
        return _commit(sending or _send(connection, insert.bars), insert, merge, others)
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name:
            raise
    # no rule is broken: these are the first rows of their day, which has no partition yet
    days = np.unique(_minutes(insert, merge) // DAY) * DAY
    connection.execute(statements.PARTITIONS, {"seconds": days.tolist()})
    return _commit(_send(connection, insert.bars), insert, merge, others)


def _commit(sending: _Sending, insert: Rows, merge: Rows, others: OtherRows) -> Stored:
    cursor = sending.cursor
    with sending.transaction:
        forecasts = [_encoded(*each) for each in zip(statements.TABLES[1:], insert[1:], strict=True) if len(each[1])]
        sending.copy.close()  # waits until PostgreSQL has the bars
        for statement, data in forecasts:
            _copy(cursor, statement, data)
        merged = [_merge(cursor, *each) for each in zip(statements.STAGES, statements.MERGE, merge, strict=True)]
        stored = Stored(len(insert.bars) + merged[0], len(insert.forecasts) + merged[1])
        _delete_unfilled(cursor, others.unfilled)
        new_closes = _merge_closes(cursor, others.closes)
        if any(stored) or new_closes:
            minutes = np.append(_minutes(insert, merge), [close.ts for close in others.closes])
            cursor.execute(statements.BATCH_STORED, {"first": int(minutes.min()), "last": int(minutes.max())})
    return stored


def _minutes(*parts: Rows) -> np.ndarray:
    """Return the minutes by which rows find their day, UTC epoch seconds: a bar's own, a forecast's bar's."""
    names = ("ts", "bar_ts", "bar_ts", "ts")
    return np.concatenate([table[name] for rows in parts for table, name in zip(rows, names, strict=True)])


def _merge(cursor: psycopg.Cursor[Any], stage: str, merge: str, rows: np.ndarray) -> int:
    if len(rows) == 0:
        return 0
    _copy(cursor, *_encoded(stage, rows))
    return cursor.execute(merge).rowcount


def _delete_unfilled(cursor: psycopg.Cursor[Any], unfilled: np.ndarray) -> None:
    if len(unfilled):
        symbols = unfilled["symbol"].astype(str).tolist()
        cursor.execute(statements.DELETE_UNFILLED, {"symbols": symbols, "seconds": unfilled["ts"].tolist()})


def _merge_closes(cursor: psycopg.Cursor[Any], closes: Sequence[OfficialCloseRow]) -> int:
    """Return how many official closes were new, or took another's place."""
    if not closes:
        return 0
    cursor.executemany(statements.MERGE_CLOSES, [close._asdict() for close in closes])
    return cursor.rowcount


def _copy(cursor: psycopg.Cursor[Any], statement: str, data: bytes) -> None:
    with cursor.copy(statement) as copy:
        copy.write(data)


def _encoded(table: str, rows: np.ndarray) -> tuple[str, bytes]:
    return statements.copy_in(table, rows.dtype.names or ()), copy_format.encode(rows)
