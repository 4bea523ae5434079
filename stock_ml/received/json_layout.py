"""Alpha Vantage's JSON layout."""

import orjson

from stock_ml.errors import BadFile
from stock_ml.received.rows import VALUES, Row, row

SERIES = "Time Series (1min)"
FIELDS = [f"{number}. {name}" for number, name in enumerate(VALUES, 1)]


def rows_of(body: bytes, where: str) -> list[Row]:
    """Return the rows of a JSON answer. Raises BadFile naming the label and the column."""
    try:
        minutes = orjson.loads(body)[SERIES]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadFile(f"{where} is JSON and has no {SERIES!r}: it is no answer of TIME_SERIES_INTRADAY") from error
    if not isinstance(minutes, dict) or not minutes:
        raise BadFile(f"{where} holds no bars in {SERIES!r}")
    return [row(stamp, _fields(given, f"{where}, {stamp}"), f"{where}, {stamp}") for stamp, given in minutes.items()]


def _fields(given: object, where: str) -> list[str]:
    if not isinstance(given, dict) or sorted(given) != FIELDS:
        raise BadFile(f"{where}: a bar has the fields {FIELDS}, this one is {given!r:.200}")
    return [given[name] for name in FIELDS]
