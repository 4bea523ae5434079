"""Translate a symbol's rows in files of any layout into one body: stamped in UTC, or labelled in exchange time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.bars import RULE as BAR_RULE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BadFile, NoBars, TooManyBadRows
from stock_ml.sources.file_tables import Member, line_of, pieces, table_of
from stock_ml.sources.parsing.label_checks import check_size
from stock_ml.sources.parsing.rows import frame_of
from stock_ml.sources.parsing.stamp_zone import activity, learn_zone
from stock_ml.sources.parsing.stamps import Order, date_days, date_order, to_utc
from stock_ml.sources.parsing.table_layouts import Layout, Table
from stock_ml.sources.parsing.tables import (
    Rows,
    labelled_body,
    refused,
    rows_of_table,
    stamp_texts,
    stamped_body,
    symbols_in,
    with_stamps,
)
from stock_ml.sources.parsing.timestamp_convention import Convention, ambiguous, detect_convention, label_evidence

MOST_ROWS = 12_000_000  # of a symbol in a file: twenty years of a market that never closes
NAMED = 5  # files and symbols that a message names


@dataclass(frozen=True)
class Rules:
    """Hold how files are read: their symbol's sessions, and what the settings say of zone, labels and bad rows."""

    sessions: Sessions
    zone: str | None
    labels: Convention | None
    maximum_refused: float


class Part(NamedTuple):
    """Hold the rows of a symbol in one file, and how it was read."""

    member: Member
    table: Table
    rows: Rows


class Reading(NamedTuple):
    """Hold the rows of a symbol in one layout, their seconds in UTC; `zone` says which it is and how that is known."""

    layout: Layout
    seconds: np.ndarray
    values: np.ndarray
    zone: str
    convention: Convention | None


class Translation(NamedTuple):
    """Hold the body that is stored of a symbol's files, and in words their layout and the zone of their stamps."""

    body: bytes
    layout: str
    zone: str


def translate(members: list[Member], symbol: str, rules: Rules) -> Translation:
    """Return a symbol's rows in files as one body.

    Its stamps are in UTC where every layout is documented or the settings say what a stamp marks. Else its labels are
    in the exchange's time, and the bars tell later. Raises BadFile, NoBars, AmbiguousReading or AmbiguousTimestamps.
    """
    parts = _parts(members, symbol, rules)
    readings = [_reading(group, rules) for group in _by_layout(parts)]
    names = ", ".join(dict.fromkeys(reading.layout.name for reading in readings))
    zones = ", ".join(dict.fromkeys(reading.zone for reading in readings))
    if len(readings) == 1 and readings[0].convention is None:
        return Translation(_labelled(readings[0], rules.sessions), names, zones)
    return Translation(_stamped(readings, rules.sessions, names_of(members)), names, zones)


def zone_of(naive: np.ndarray, values: np.ndarray, rules: Rules, where: str) -> tuple[str, str]:
    """Return the zone of naive stamps, and how it is known. Raises AmbiguousReading."""
    if rules.zone:
        return rules.zone, f"{rules.zone}, as CSV_ZONE says"
    zone = learn_zone(naive, activity(values), rules.sessions, where)
    return zone, f"{zone}, learned from the sessions"


def names_of(members: list[Member]) -> str:
    """Return the names of files, of many the first and the last."""
    names = [member.where for member in members]
    return ", ".join(names) if len(names) <= NAMED else f"{names[0]} to {names[-1]} ({len(names)} files)"


def _parts(members: list[Member], symbol: str, rules: Rules) -> list[Part]:
    tables = [(member, table_of(member)) for member in members]
    orders = _orders(tables, rules.sessions)
    parts, others = [], set()
    for member, table in tables:
        rows, names = _rows(member, table, symbol, orders[table.layout])
        others |= names
        if len(rows.seconds):
            _check_refused(Part(member, table, rows), rules.maximum_refused)
            parts.append(Part(member, table, rows))
    if parts:
        return parts
    if others:
        listed = ", ".join(sorted(others)[:NAMED]) + (", …" if len(others) > NAMED else "")
        raise NoBars(f"{names_of(members)} has no bars of {symbol}, but of {listed}: name those you want with SYMBOLS=")
    raise BadFile(f"{names_of(members)} holds a header and no bars")


def _orders(tables: list[tuple[Member, Table]], sessions: Sessions) -> dict[Layout, Order]:
    """Return for each layout the order of its dates that end with the year, by all that its files have."""
    orders: dict[Layout, Order] = {}
    for layout in dict.fromkeys(table.layout for _, table in tables):
        own = [(member, table) for member, table in tables if table.layout == layout]
        dates = [found for member, table in own for found in _dates(member, table)]
        every = np.unique(np.concatenate(dates), axis=0) if dates else np.empty((0, 3), dtype=np.int64)
        orders[layout] = date_order(every, sessions, names_of([member for member, _ in own]))
    return orders


def _dates(member: Member, table: Table) -> Iterator[np.ndarray]:
    for piece in pieces(member, table):
        found = date_days(stamp_texts(piece.batch, table))
        if not len(found):
            return  # the year comes first: the rest need not be read for it
        yield found


def _rows(member: Member, table: Table, symbol: str, order: Order) -> tuple[Rows, set[str]]:
    """Return a symbol's rows in a file, and the symbols that the file names."""
    names = set(table.columns) - {""}
    if names and symbol not in names:
        return Rows.unreadable(0), names
    parts: list[Rows] = []
    for piece in pieces(member, table):
        names |= symbols_in(piece.batch, table)
        try:
            parts.append(rows_of_table(piece.batch, table, symbol, order))
        except BadFile as error:
            raise BadFile(f"{member.where}: {error}") from None
        parts += [Rows.unreadable(piece.unreadable)] if piece.unreadable and table.symbol is None else []
        if sum(len(part.seconds) for part in parts) > MOST_ROWS:
            raise BadFile(
                f"{member.where} has more than {MOST_ROWS:,} rows of {symbol}; are they of one symbol? Split it"
            )
    return Rows.of(parts) if parts else Rows.unreadable(0), names


def _check_refused(part: Part, most: float) -> None:
    """Refuse a file of which more rows than the settings allow are no bars; name the first of them."""
    reasons = refused(part.rows)
    bad = np.flatnonzero(reasons != "")
    if len(bad) <= most * len(reasons):
        return
    reason, number = reasons[bad[0]], part.table.skip + 1 + int(bad[0])
    fault = (
        "has no stamp that can be read" if reason == "stamp" else f"has no number there, or breaks a rule: {BAR_RULE}"
    )
    text = "" if part.member.is_parquet else f" {line_of(part.member, number)!r:.100}"
    raise TooManyBadRows(
        f"{part.member.where}, line {number}, column {reason}:{text} {fault}. {len(bad):,} of {len(reasons):,} rows "
        f"are refused; {most:.2%} may be (STOCKML_MAXIMUM_REFUSED)"
    )


def _by_layout(parts: list[Part]) -> list[list[Part]]:
    layouts = dict.fromkeys(part.table.layout for part in parts)
    return [[part for part in parts if part.table.layout == layout] for layout in layouts]


def _reading(parts: list[Part], rules: Rules) -> Reading:
    layout, where = parts[0].table.layout, names_of([part.member for part in parts])
    rows = with_stamps(Rows.of(part.rows for part in parts))
    _check_sizes(rows, where)
    zone, words = _zone(rows, layout, rules, where)
    reading = Reading(layout, _in_utc(rows, zone), rows.values, words, rules.labels or layout.convention)
    if not rules.labels:
        _check_convention(reading, rules.sessions, where)
    return reading


def _check_sizes(rows: Rows, where: str) -> None:
    readable = rows.select(rows.readable)
    a_day = len(readable.seconds) > 1 and len(np.unique(readable.seconds // 86_400)) == len(readable.seconds)
    if a_day or not readable.has_time.any():
        raise BadFile(f"{where}: these are daily bars, as no day has more than one; give bars of one minute")
    check_size(_frame(readable.seconds, readable.values, where), where)


def _zone(rows: Rows, layout: Layout, rules: Rules, where: str) -> tuple[str, str]:
    naive = ~rows.zoned & (refused(rows) == "")
    if not naive.any():
        return "UTC", "named by the stamps"
    if layout.zone:
        return layout.zone, f"{layout.zone}, as the layout says"
    return zone_of(rows.seconds[naive], rows.values[naive], rules, where)


def _in_utc(rows: Rows, zone: str) -> np.ndarray:
    """Return the rows' seconds in UTC, (n,); a naive stamp that a clock shows twice or never costs its row."""
    moved, known = to_utc(rows.seconds, zone)
    seconds = np.where(rows.zoned, rows.seconds, moved)
    return with_stamps(rows._replace(seconds=seconds, readable=rows.readable & (rows.zoned | known))).seconds


def _check_convention(reading: Reading, sessions: Sessions, where: str) -> None:
    """Refuse bars that say surely that their stamps mark another edge than their layout is documented to mark."""
    if reading.convention is None or sessions.is_continuous:
        return
    found = label_evidence(_frame(_local(reading.seconds, sessions), reading.values, where), sessions)
    if found["sure"] == "strong" and found["says"] != reading.convention:
        raise ambiguous({**found, "sure": "contradictory"}, f"{where}, in the layout of {reading.layout.name}")


def _labelled(reading: Reading, sessions: Sessions) -> bytes:
    return labelled_body(_local(reading.seconds, sessions), reading.values)


def _stamped(readings: list[Reading], sessions: Sessions, where: str) -> bytes:
    seconds = [reading.seconds - (MINUTE if _marks(reading, sessions, where) == "end" else 0) for reading in readings]
    return stamped_body(np.concatenate(seconds), np.concatenate([reading.values for reading in readings]))


def _marks(reading: Reading, sessions: Sessions, where: str) -> Convention:
    if reading.convention is not None:
        return reading.convention
    frame = _frame(_local(reading.seconds, sessions), reading.values, f"{where}, those in {reading.layout.name}")
    return detect_convention(frame, sessions)


def _frame(labels: np.ndarray, values: np.ndarray, where: str) -> pd.DataFrame:
    frame = frame_of(labels.astype("datetime64[s]").astype("datetime64[ns]"), values)
    frame.attrs["where"] = where
    return frame


def _local(seconds: np.ndarray, sessions: Sessions) -> np.ndarray:
    """Return UTC seconds as the exchange's clock shows them, naive seconds (n,)."""
    stamps = pd.DatetimeIndex(seconds.astype("datetime64[s]"), tz="UTC").tz_convert(sessions.zone).tz_localize(None)
    return np.asarray(stamps.to_numpy("datetime64[s]").astype(np.int64))
