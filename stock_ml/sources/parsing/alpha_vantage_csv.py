"""Alpha Vantage's CSV layout, line by line."""

import csv
import io
from collections.abc import Iterator

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import VALUES, Row, row

COLUMNS = ["label", *VALUES]
HEADERS = (["timestamp", *VALUES], ["date", *(f"{i}. {name}" for i, name in enumerate(VALUES, 1))])
LAYOUT = f"expected Alpha Vantage's layout, a header {','.join(HEADERS[0])} and one row a minute"


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
