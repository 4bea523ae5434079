"""Alpha Vantage's JSON layout."""

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import VALUES, Row, row

SERIES = "Time Series (1min)"
FIELDS = [f"{number}. {name}" for number, name in enumerate(VALUES, 1)]


ZONES = ("6. Time Zone", "5. Time Zone")  # the number depends on whether the output's size is named


def rows_of(document: object, where: str) -> list[Row]:
    """Return the rows of a JSON response. Raises BadFile naming the label and the column."""
    minutes = document.get(SERIES) if isinstance(document, dict) else None
    if minutes is None:
        raise BadFile(f"{where} is JSON and has no {SERIES!r}: it is no answer of TIME_SERIES_INTRADAY")
    if not isinstance(minutes, dict) or not minutes:
        raise BadFile(f"{where} holds no bars in {SERIES!r}")
    return [row(stamp, _fields(bar, f"{where}, {stamp}"), f"{where}, {stamp}") for stamp, bar in minutes.items()]


def zone_of(document: object) -> str:
    """Return the time zone that a response says its labels are in, "" where it says none."""
    meta = document.get("Meta Data") if isinstance(document, dict) else None
    return next((str(meta[name]) for name in ZONES if name in meta), "") if isinstance(meta, dict) else ""


def _fields(bar: object, where: str) -> list[str]:
    if not isinstance(bar, dict) or sorted(bar) != FIELDS:
        raise BadFile(f"{where}: a bar has the fields {FIELDS}, this one is {bar!r:.200}")
    return [bar[name] for name in FIELDS]
