"""Alpha Vantage's CSV layout: strictly line by line, or by columns where the body is plainly well-formed."""

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import LAST_YEAR, NO_TRADE, VALUES, Row, frame_of, row

COLUMNS = ["label", *VALUES]
HEADERS = (["timestamp", *VALUES], ["date", *(f"{i}. {name}" for i, name in enumerate(VALUES, 1))])
LAYOUT = f"expected Alpha Vantage's layout, a header {','.join(HEADERS[0])} and one row a minute"
HEAD = re.compile(b"(?:\xef\xbb\xbf)?(?:" + b"|".join(re.escape(",".join(h).encode()) for h in HEADERS) + b")\r?\n")
PLAIN = b"0123456789.,-: \r\n"  # without quotes, signs of exponents and names of numbers two readers agree on all
TYPES = {"label": pa.string()} | {name: pa.float64() for name in VALUES}
MINUTE = r"^20[0-3]\d-\d\d-\d\d \d\d:\d\d:00$"


def rows_of(body: bytes, where: str) -> tuple[list[int], list[Row]]:
    """Return the line numbers and the rows of a CSV file. Raises BadFile naming line and column."""
    reader = _records(_text(body, where), where)
    number, header = next(reader, (0, []))
    if not header:
        raise BadFile(f"{where} is empty; {LAYOUT}")
    if header not in HEADERS:
        raise BadFile(f"{where}, line {number}: the header is {','.join(header)!r:.200}; {LAYOUT}")
    lines, rows = [], []
    for line, record in reader:
        lines.append(line)
        rows.append(row(record[0], _complete(record, f"{where}, line {line}"), f"{where}, line {line}"))
    if not rows:
        raise BadFile(f"{where} holds a header and no bars; {LAYOUT}")
    return lines, rows


def _text(body: bytes, where: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{where}, byte {error.start} is not UTF-8 text; {LAYOUT}") from error


def _records(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, record
    except csv.Error as error:
        raise BadFile(f"{where}, line {reader.line_num}: {error}; {LAYOUT}") from error


def _complete(record: list[str], where: str) -> list[str]:
    if len(record) != len(COLUMNS):
        column = COLUMNS[min(len(record), len(COLUMNS) - 1)]
        raise BadFile(f"{where}, column {column}: a row has {len(COLUMNS)} values, this one has {len(record)}")
    return record[1:]


def read_fast(body: bytes) -> pd.DataFrame | None:
    """Return the rows that `rows_of` would return, by columns; None where only that one can tell."""
    head = HEAD.match(body)
    if head is None or body[head.end() :].translate(None, PLAIN):
        return None
    try:
        return _checked_frame(_arrow_table(body[head.end() :]))
    except pa.ArrowInvalid:
        return None


def _arrow_table(rows: bytes) -> pa.Table:
    reading = arrow_csv.ReadOptions(column_names=COLUMNS, use_threads=False)
    parsing = arrow_csv.ParseOptions(quote_char=False)
    kinds = arrow_csv.ConvertOptions(column_types=TYPES, null_values=[], strings_can_be_null=False)
    return arrow_csv.read_csv(io.BytesIO(rows), reading, parsing, kinds)


def _checked_frame(table: pa.Table) -> pd.DataFrame | None:
    labels = table["label"]
    if not compute.all(compute.match_substring_regex(labels, MINUTE)).as_py():
        return None
    stamps = labels.cast(pa.timestamp("s")).to_numpy()
    if (stamps >= np.datetime64(str(LAST_YEAR + 1))).any():
        return None
    values = np.column_stack([table[name].to_numpy() for name in VALUES])
    frame = frame_of(stamps.astype("datetime64[ns]"), values)
    return frame if frame["broken"].isin(("", NO_TRADE)).all() else None
