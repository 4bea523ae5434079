"""Answers of hostile feeds in the layouts of the built-in sources."""

import gzip

import orjson
import pandas as pd

from stock_ml.testing.hostile_cases import NAMES, Case, Rows
from tests.yahoo import chart


def answer(case: Case) -> bytes:
    """Return the body of a case's answer in its layout; labels are the starts of minutes in the exchange's time."""
    body = {"csv": csv_body, "json": json_body, "yahoo": yahoo_body}[case.layout](case.rows, case.calendar.zone)
    return gzip.compress(body) if case.packed else body


def csv_body(rows: Rows, zone: str) -> bytes:
    """Return rows in Alpha Vantage's CSV layout."""
    lines = [",".join([_label(ts, zone), *("" if v is None else repr(v) for v in values)]) for ts, values in rows]
    return "\n".join([f"timestamp,{','.join(NAMES)}", *lines, ""]).encode()


def json_body(rows: Rows, zone: str) -> bytes:
    """Return rows in Alpha Vantage's JSON layout."""
    fields = [f"{number}. {name}" for number, name in enumerate(NAMES, 1)]
    bars = {
        _label(ts, zone): dict(zip(fields, (None if v is None else repr(v) for v in values), strict=True))
        for ts, values in rows
    }
    return orjson.dumps({"Meta Data": {"6. Time Zone": zone}, "Time Series (1min)": bars})


def yahoo_body(rows: Rows, zone: str) -> bytes:
    """Return rows as one of Yahoo's charts."""
    return orjson.dumps(chart([ts for ts, _ in rows], [values for _, values in rows], exchangeTimezoneName=zone))


def _label(ts: int, zone: str) -> str:
    return pd.Timestamp(ts, unit="s", tz="UTC").tz_convert(zone).strftime("%Y-%m-%d %H:%M:%S")
