"""Turn the rows of a table, as texts, into stamps and numbers, and these into the body that the lake stores."""

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import FIRST_YEAR, NO_TRADE, VALUES, frame_of
from stock_ml.sources.parsing.stamps import Order, read_stamps
from stock_ml.sources.parsing.table_layouts import Table

NULLS = pa.array(["", "null", "NULL", "nan", "NaN", "NAN", "None", "none", "N/A", "NA", "<NA>", "-"])
UNREADABLE = -1.0  # in the place of a text that is no number: no price and no volume, so it costs its row
OFF = 30  # seconds after the row before it: the stamp of a row whose own cannot be read, which costs the row
STAMPED = ["utc", *VALUES]
STAMPED_HEAD = ",".join(STAMPED).encode() + b"\n"
LABELLED_HEAD = ",".join(["timestamp", *VALUES]).encode() + b"\n"
MINUTES = {"M1": 1, "1MIN": 1, "1M": 1, "D": 1440, "1D": 1440}


class Rows(NamedTuple):
    """Hold rows as read: seconds (n,), as `zoned` says in UTC or naive, and open to volume (n, 5), null as NaN.

    `readable` is false where the stamp is none; UNREADABLE stands for a number that is none.
    """

    seconds: np.ndarray
    zoned: np.ndarray
    readable: np.ndarray
    has_time: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, parts: Iterable["Rows"]) -> "Rows":
        """Return all parts as one."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def select(self, at: np.ndarray) -> "Rows":
        """Return the rows at a mask or at places."""
        return Rows(*(column[at] for column in self))

    @classmethod
    def unreadable(cls, count: int) -> "Rows":
        """Return rows of which nothing could be read."""
        none = np.zeros(count, dtype=bool)
        return cls(np.zeros(count, dtype=np.int64), none, none, none, np.full((count, 5), UNREADABLE))


def stamp_texts(batch: pa.RecordBatch, table: Table) -> pa.Array:
    """Return the text of each row's stamp; date and time of two columns are one."""
    parts = [batch.column(_name(at)) for at in table.stamp]
    return parts[0] if len(parts) == 1 else compute.binary_join_element_wise(*parts, " ")


def rows_of_table(batch: pa.RecordBatch, table: Table, symbol: str, order: Order) -> Rows:
    """Return the rows of a symbol in a batch of texts, whose columns are named by their place.

    Raises BadFile where a column says that the bars are longer than a minute.
    """
    mine = batch if table.symbol is None else batch.filter(_is_symbol(batch.column(_name(table.symbol)), symbol))
    if table.size is not None:
        _check_size(mine.column(_name(table.size)))
    stamps = read_stamps(stamp_texts(mine, table), order)
    places = table.columns[symbol if symbol in table.columns else ""]
    values = np.column_stack([_numbers(mine.column(_name(at)), table) for at in places])
    return Rows(*stamps, values)


def symbols_in(batch: pa.RecordBatch, table: Table) -> set[str]:
    """Return the symbols that a batch names, as they are written in settings."""
    if table.symbol is None:
        return set()
    return {symbol_text(text) for text in compute.unique(batch.column(_name(table.symbol))).to_pylist() if text}


def symbol_text(text: str) -> str:
    """Return a symbol of a file as it is written in settings: BTC-USD for BTC/USD."""
    return text.strip().upper().replace("/", "-")


def columns_needed(table: Table) -> list[str]:
    """Return the names of the columns that are read."""
    places = {*table.stamp, *(at for places in table.columns.values() for at in places)}
    return [_name(at) for at in sorted(places | {at for at in (table.symbol, table.size) if at is not None})]


def _name(at: int) -> str:
    return f"c{at}"


def _is_symbol(column: pa.Array, symbol: str) -> pa.Array:
    coded = column.dictionary_encode()
    mine = pa.array([symbol_text(text or "") == symbol for text in coded.dictionary.to_pylist()], pa.bool_())
    return compute.take(mine, coded.indices)


def _check_size(column: pa.Array) -> None:
    for text in compute.unique(column).to_pylist():
        size = MINUTES.get(str(text).strip().upper()) or (int(text) if str(text).strip().isdigit() else None)
        if size is not None and size != 1:
            kind = "daily bars" if size == 1440 else f"{size}-minute bars"
            raise BadFile(f"these are {kind}, as their column of the period says; give bars of one minute")


def _numbers(column: pa.Array, table: Table) -> np.ndarray:
    """Return the numbers of a column of texts, (n,): NaN for a null, UNREADABLE for what is none."""
    texts = compute.utf8_trim_whitespace(column)
    if table.delimiter != "," and _has_comma(texts):
        texts = _decimal_points(texts)
    empty = compute.is_in(texts, NULLS)
    try:
        numbers = compute.cast(compute.if_else(empty, None, texts), pa.float64())
        return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:  # one text is no number: slower, each by itself
        found: np.ndarray = np.array(pd.to_numeric(texts.to_pandas(), errors="coerce"), dtype=np.float64)
        nulls = np.asarray(empty.to_numpy(zero_copy_only=False), dtype=bool)
        found[np.isnan(found) & ~nulls] = UNREADABLE
        return found


def _has_comma(texts: pa.Array) -> bool:
    return bool(compute.any(compute.match_substring(texts, ",")).as_py())


def _decimal_points(texts: pa.Array) -> pa.Array:
    """Return numbers with decimal commas as such with points; one with both, as 1.234,5, stays as it is: no number."""
    both = compute.match_substring(texts, ".")
    return compute.if_else(both, texts, compute.replace_substring(texts, ",", "."))


def refused(rows: Rows) -> np.ndarray:
    """Say of each row whether it is refused, "" where it is not, (n,): "stamp", or the column that breaks a rule."""
    found = frame_of(_labels(rows.seconds), rows.values)["broken"].to_numpy().copy()
    found[found == NO_TRADE] = ""
    found[~rows.readable] = "stamp"
    return np.asarray(found)


def with_stamps(rows: Rows) -> Rows:
    """Return rows of which those without a stamp stand half a minute after the row before them."""
    at = np.maximum.accumulate(np.where(rows.readable, np.arange(len(rows.seconds)), -1))
    first = rows.seconds[rows.readable][:1]
    before = np.where(at >= 0, rows.seconds[at], first[0] if len(first) else FIRST_YEAR)
    return rows._replace(seconds=np.where(rows.readable, rows.seconds, before // MINUTE * MINUTE + OFF))


def stamped_body(seconds: np.ndarray, values: np.ndarray) -> bytes:
    """Return rows whose stamps are the opens of bars in UTC, seconds (n,), as the body that `stamped_rows` reads."""
    return STAMPED_HEAD + _written(pa.array(seconds, pa.int64()), values)


def labelled_body(labels: np.ndarray, values: np.ndarray) -> bytes:
    """Return rows with labels in the exchange's own time, naive seconds (n,), in Alpha Vantage's layout."""
    stamps = compute.strftime(pa.array(labels.astype("datetime64[s]")), format="%Y-%m-%d %H:%M:%S")
    return LABELLED_HEAD + _written(stamps, values)


def _written(stamps: pa.Array, values: np.ndarray) -> bytes:
    columns = {"stamp": stamps} | {
        name: pa.array(column, from_pandas=True) for name, column in zip(VALUES, values.T, strict=True)
    }
    out = io.BytesIO()
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    arrow_csv.write_csv(pa.table(columns), out, options)
    return out.getvalue()


def is_stamped(body: bytes) -> bool:
    """Say whether a body is one that `stamped_body` wrote."""
    return body.startswith(STAMPED_HEAD)


def stamped_rows(body: bytes, where: str) -> pd.DataFrame:
    """Return the rows of a body that `stamped_body` wrote: with `ts`, and labels in UTC. Raises BadFile."""
    kinds = {"utc": pa.int64()} | {name: pa.float64() for name in VALUES}
    convert = arrow_csv.ConvertOptions(column_types=kinds)
    try:
        table = arrow_csv.read_csv(io.BytesIO(body), convert_options=convert)
        ts = table["utc"].to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadFile(f"{where} is no table of bars stamped in UTC: {error}") from None
    if not len(ts):
        raise BadFile(f"{where} holds a header and no bars")
    values = np.column_stack([table[name].to_numpy().astype(np.float64) for name in VALUES])
    return frame_of(_labels(ts), values).assign(ts=ts)


def _labels(seconds: np.ndarray) -> np.ndarray:
    return np.asarray(seconds.astype("datetime64[s]").astype("datetime64[ns]"))
