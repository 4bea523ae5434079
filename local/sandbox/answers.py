"""Alpha Vantage's answers to TIME_SERIES_INTRADAY: bars as JSON or CSV."""

import numpy as np
import orjson

VALUES = ("open", "high", "low", "close", "volume")
FIELDS = [f"{number}. {name}" for number, name in enumerate(VALUES, 1)]


def in_json(symbol: str, stamps: list[str], values: np.ndarray, size: str) -> bytes:
    """Return bars (n, 5) with their labels, ascending, as the JSON answer: newest first, numbers as text."""
    meta = {
        "1. Information": "Intraday (1min) open, high, low, close prices and volume",
        "2. Symbol": symbol,
        "3. Last Refreshed": stamps[-1] if stamps else "",
        "4. Interval": "1min",
        "5. Output Size": "Compact" if size == "compact" else "Full size",
        "6. Time Zone": "US/Eastern",
    }
    rows = [dict(zip(FIELDS, row, strict=True)) for row in _texts(values)]
    series = dict(zip(reversed(stamps), reversed(rows), strict=True))
    return orjson.dumps({"Meta Data": meta, "Time Series (1min)": series}, option=orjson.OPT_INDENT_2)


def in_csv(stamps: list[str], values: np.ndarray) -> bytes:
    """Return bars (n, 5) with their labels, ascending, as the CSV answer: newest first."""
    rows = [",".join([stamp, *row]) for stamp, row in zip(stamps, _texts(values), strict=True)]
    return "\r\n".join([",".join(("timestamp", *VALUES)), *reversed(rows), ""]).encode()


def _texts(values: np.ndarray) -> list[list[str]]:
    return [[*(f"{price:.4f}" for price in row[:4]), f"{row[4]:.0f}"] for row in values.tolist()]
