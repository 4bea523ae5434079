"""The layouts in which vendors and people write bars: one record each, and how a table is recognised."""

import csv
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.timestamp_convention import Convention

OHLCV = ("open", "high", "low", "close", "volume")
NUMBERED = tuple(f"{i}. {name}" for i, name in enumerate(OHLCV, 1))
SHORT = ("o", "h", "l", "c", "v")
ANGLED = ("<open>", "<high>", "<low>", "<close>", "<vol>")
DELIMITERS = ",;\t|"
MOST_COLUMNS = 1_000  # yfinance's two header rows have five or six columns a symbol
SYMBOLS = ("symbol", "ticker", "<ticker>")
KNOWN = "Alpha Vantage, yfinance, Alpaca, Polygon, Binance, Stooq, Interactive Brokers, MetaTrader, or any table with"
EXPECTED = f"expected the layout of {KNOWN} columns for time, open, high, low, close and volume"


@dataclass(frozen=True)
class Layout:
    """Say by which columns a layout is recognised, and what its stamps mean.

    `stamp` are the columns that make a stamp, `marks` others that it must have. `convention` is what the vendor
    documents, None where the bars must tell. `zone` is that of naive stamps where the layout states it. `offset`: the
    stamps must name their offset, or it is another layout.
    """

    name: str
    stamp: tuple[str, ...]
    values: tuple[str, ...] = OHLCV
    marks: frozenset[str] = field(default_factory=frozenset)
    convention: Convention | None = None
    zone: str | None = None
    offset: bool = False
    size: str | None = None

    @property
    def needed(self) -> frozenset[str]:
        """Return the columns that a table of this layout must have."""
        return frozenset(self.stamp) | frozenset(self.values) | self.marks


LAYOUTS = (
    Layout("Polygon flat file", ("window_start",), convention="start"),
    Layout("Binance klines", ("open_time",), marks=frozenset({"close_time"}), convention="start"),
    Layout("Binance klines", ("open time",), marks=frozenset({"close time"}), convention="start"),
    Layout("Stooq", ("<date>", "<time>"), ANGLED, frozenset({"<per>"}), size="<per>"),
    Layout("MetaTrader 5", ("<date>", "<time>"), ANGLED, frozenset({"<tickvol>"}), "start"),
    Layout("MetaTrader 5", ("<date>", "<time>"), (*ANGLED[:4], "<tickvol>"), convention="start"),
    Layout("MetaTrader 4", ("mt4 date", "mt4 time"), convention="start"),
    Layout("Alpaca", ("timestamp",), marks=frozenset({"trade_count", "vwap"}), convention="start"),
    Layout("Alpaca", ("t",), SHORT, frozenset({"n", "vw"}), "start"),
    Layout("Interactive Brokers", ("date",), marks=frozenset({"average", "barcount"}), convention="start"),
    Layout("yfinance", ("datetime",), convention="start", offset=True),
    Layout("Alpha Vantage", ("date",), NUMBERED),
    Layout("a plain table", ("date", "time")),
    Layout("a plain table", ("gmt time",), zone="UTC"),
    *(
        Layout("a plain table", (name,))
        for name in (
            "datetime",
            "timestamp",
            "date",
            "time",
            "date/time",
            "local time",
            "ts",
            "unix",
            "",
            "__index_level_0__",
        )
    ),
    Layout("a plain table", ("t",), SHORT),
)
BINANCE = ("open_time", *OHLCV, "close_time", "quote_volume", "count", "taker_base", "taker_quote", "ignore")
HEADERLESS = {12: BINANCE, 7: ("mt4 date", "mt4 time", *OHLCV), 6: ("datetime", *OHLCV)}  # by the count of columns
FIRST_VALUE = re.compile(r"\s*(20[0-3]\d[-./]?\d|\d{1,2}[-./]\d{1,2}[-./]20\d\d|\d{10,19}(\.0*)?\s*$)")
LEVELS = ("price", "ticker")  # names of yfinance's two header rows, in either order


class Table(NamedTuple):
    """Say how a table is read: `columns` are the places of open to volume, by symbol where the header names it.

    `skip` lines come before the rows, `lines` of these are of a header. `symbol` and `size` are places of columns.
    """

    layout: Layout
    delimiter: str
    skip: int
    width: int
    stamp: tuple[int, ...]
    columns: dict[str, tuple[int, ...]]
    symbol: int | None
    size: int | None


def recognise(text: str, where: str) -> Table:
    """Return how the table that begins with `text` is read. Raises BadFile naming its header."""
    lines = text.splitlines()
    skip = next((n for n, line in enumerate(lines) if line.strip()), None)
    if skip is None:
        raise BadFile(f"{where} is empty; {EXPECTED}")
    for delimiter in DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines[skip : skip + 4]]
        if (found := _table(rows, delimiter, skip)) is not None:
            return found
    raise BadFile(f"{where}, line {skip + 1}: the header is {lines[skip]!r:.200}; {EXPECTED}")


def recognise_names(names: list[str], first: list[str], where: str) -> Table:
    """Return how a table with these names of columns and this first row is read. Raises BadFile naming them."""
    found = _by_names([name.strip().lower() for name in names], first)
    if found is None:
        raise BadFile(f"{where}: its columns are {', '.join(names)!r:.200}; {EXPECTED}")
    return Table(found.layout, ",", 0, len(names), *found[1:])


class _Columns(NamedTuple):
    layout: Layout
    stamp: tuple[int, ...]
    columns: dict[str, tuple[int, ...]]
    symbol: int | None
    size: int | None


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _table(rows: list[list[str]], delimiter: str, skip: int) -> Table | None:
    header = [cell.strip().lower() for cell in rows[0]]
    if FIRST_VALUE.match(rows[0][0] if rows[0] else ""):
        names = HEADERLESS.get(len(header))
        found = _by_names(list(names), rows[0]) if names else None
        return Table(found.layout, delimiter, skip, len(header), *found[1:]) if found else None
    if header[0] in LEVELS and len(rows) > 1 and (wide := _two_header_rows(rows, delimiter, skip)):
        return wide
    found = _by_names(header, rows[1] if len(rows) > 1 else [])
    return Table(found.layout, delimiter, skip + 1, len(header), *found[1:]) if found else None


def _by_names(header: list[str], first: list[str]) -> _Columns | None:
    for layout in LAYOUTS:
        if layout.needed <= set(header) and (not layout.offset or _has_offset(layout, header, first)):
            place = header.index
            symbol = next((place(name) for name in SYMBOLS if name in header), None)
            columns = {"": tuple(place(name) for name in layout.values)}
            size = place(layout.size) if layout.size else None
            return _Columns(layout, tuple(place(name) for name in layout.stamp), columns, symbol, size)
    return None


def _has_offset(layout: Layout, header: list[str], first: list[str]) -> bool:
    at = header.index(layout.stamp[0])
    return len(first) > at and re.search(r"(Z|[+-]\d\d:?\d\d)\s*$", first[at]) is not None


def _two_header_rows(rows: list[list[str]], delimiter: str, skip: int) -> Table | None:
    """Read yfinance's header of names and tickers, with or without a third row that names the index."""
    levels = [[cell.strip() for cell in row] for row in rows[:2]]
    if {levels[0][0].lower(), levels[1][0].lower()} != set(LEVELS) or len(levels[0]) != len(levels[1]):
        return None
    names, tickers = levels if levels[0][0].lower() == "price" else levels[::-1]
    places = {(ticker, name.lower()): at for at, (ticker, name) in enumerate(zip(tickers, names, strict=True)) if at}
    wanted = {ticker: [places.get((ticker, name)) for name in OHLCV] for ticker in dict.fromkeys(tickers[1:])}
    columns = {
        t.upper(): tuple(at for at in found if at is not None) for t, found in wanted.items() if None not in found
    }
    third = 1 if len(rows) > 2 and not FIRST_VALUE.match(rows[2][0] if rows[2] else "") else 0
    layout = Layout("yfinance, two header rows", ("datetime",), convention="start")
    return Table(layout, delimiter, skip + 2 + third, len(names), (0,), columns, None, None) if columns else None
