"""Alpha Vantage's two layouts, JSON and CSV, read strictly into rows as received."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import orjson
import pandas as pd

from stock_ml.bars import PRICES
from stock_ml.errors import BadFile

VALUES = [*PRICES, "volume"]
ROW = ["label", *VALUES]
HEADERS = (["timestamp", *VALUES], ["date", *(f"{i}. {name}" for i, name in enumerate(VALUES, 1))])
LAYOUT = f"expected Alpha Vantage's layout, a header {','.join(HEADERS[0])} and one row a minute"
RULE = "breaks a rule: all finite, prices above 0 with low <= open, close <= high, volume not below 0"
FIELDS = HEADERS[1][1:]
SERIES = "Time Series (1min)"


def parse(body: bytes, where: str) -> pd.DataFrame:
    """Return the rows of an answer or a file as they came, in their order.

    Columns: `label` (naive, exchange time), open, high, low, close, volume (float64), and `broken`: the first column
    whose value breaks a rule of the record, "" where none does. A file's broken row is an error; a vendor's answer
    cannot be mended here, so its broken rows are marked, and refused one by one.
    Raises BadFile naming file, line and column.
    """
    if body.lstrip()[:1] == b"{":
        return _marked(_json_rows(body, where))
    lines, rows = _csv_rows(_text(body, where), where)
    frame = _marked(rows)
    for at in np.flatnonzero(frame["broken"] != ""):
        column = frame["broken"][at]
        raise BadFile(f"{where}, line {lines[at]}, column {column}: {float(frame[column][at])} {RULE}")
    return frame


def _json_rows(body: bytes, where: str) -> list[tuple[datetime, list[float]]]:
    try:
        minutes = orjson.loads(body)[SERIES]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadFile(f"{where} has no {SERIES!r}: {LAYOUT}") from error
    if not isinstance(minutes, dict) or not minutes:
        raise BadFile(f"{where} holds no bars in {SERIES!r}")
    return [_row(stamp, _fields(row, f"{where}, {stamp}"), f"{where}, {stamp}") for stamp, row in minutes.items()]


def _fields(row: object, where: str) -> list[str]:
    if not isinstance(row, dict) or sorted(row) != FIELDS:
        raise BadFile(f"{where}: a bar has the fields {FIELDS}, this one is {row!r:.200}")
    return [row[name] for name in FIELDS]


def _text(body: bytes, where: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{where}, byte {error.start} is not UTF-8 text; {LAYOUT}") from error


def _csv_rows(text: str, where: str) -> tuple[list[int], list[tuple[datetime, list[float]]]]:
    reader = _records(text, where)
    number, header = next(reader, (0, []))
    if not header:
        raise BadFile(f"{where} is empty; {LAYOUT}")
    if header not in HEADERS:
        raise BadFile(f"{where}, line {number}: the header is {','.join(header)!r:.200}; {LAYOUT}")
    lines, rows = [], []
    for line, record in reader:
        lines.append(line)
        rows.append(_row(record[0], _complete(record, f"{where}, line {line}"), f"{where}, line {line}"))
    if not rows:
        raise BadFile(f"{where} holds a header and no bars; {LAYOUT}")
    return lines, rows


def _records(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, record
    except csv.Error as error:
        raise BadFile(f"{where}, line {reader.line_num}: {error}; {LAYOUT}") from error


def _complete(record: list[str], where: str) -> list[str]:
    if len(record) != len(ROW):
        column = ROW[min(len(record), len(ROW) - 1)]
        raise BadFile(f"{where}, column {column}: a row has {len(ROW)} values, this one has {len(record)}")
    return record[1:]


def _row(stamp: str, values: list[str], where: str) -> tuple[datetime, list[float]]:
    return _label(stamp, where), [
        _number(text, f"{where}, column {name}") for name, text in zip(VALUES, values, strict=True)
    ]


def _label(text: str, where: str) -> datetime:
    try:
        label = datetime.fromisoformat(text)
    except ValueError:
        label = None
    if label is None or len(text) != 19 or text[10] != " " or label.tzinfo or label.second:
        raise BadFile(f"{where}, column label: {text!r:.60} is no minute like 2024-03-01 09:30:00")
    return label


def _number(text: str, where: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except (ValueError, TypeError):
        raise BadFile(f"{where}: {text!r:.60} is no number") from None


def _marked(rows: list[tuple[datetime, list[float]]]) -> pd.DataFrame:
    values = np.array([row for _, row in rows], dtype=np.float64).reshape(-1, len(VALUES))
    frame = pd.DataFrame(values, columns=VALUES)
    frame.insert(0, "label", np.array([label for label, _ in rows], dtype="datetime64[ns]"))
    return frame.assign(broken=broken(values))


def broken(values: np.ndarray) -> np.ndarray:
    """Return for each row of (n, 5) open, high, low, close, volume the first column that breaks a rule, "" if none."""
    o, h, low, c, v = values.T
    price = [~(np.isfinite(p) & (p > 0)) for p in (o, h, low, c)]
    rules = [*price, (o > h) | (o < low), (c > h) | (c < low), ~(np.isfinite(v) & (v >= 0))]
    return np.select(rules, [*PRICES, "open", "close", "volume"], default="").astype(object)
