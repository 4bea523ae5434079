"""Alpha Vantage's answers to TIME_SERIES_INTRADAY: bars as JSON or CSV, newest first, numbers as text."""

import numpy as np
import orjson

VALUES = ("open", "high", "low", "close", "volume")
DIGITS = ("%.4f", "%.4f", "%.4f", "%.4f", "%.0f")
FIELDS = [f'      "{i}. {name}": "{digits}"' for i, (name, digits) in enumerate(zip(VALUES, DIGITS, strict=True), 1)]
# one template a row: a month is thousands of rows, and an encoder would be handed each number as a text of its own
JSON_ROW = '    "%s": {\n' + ",\n".join(FIELDS) + "\n    }"
CSV_ROW = ",".join(("%s", *DIGITS))


def in_json(symbol: str, stamps: list[str], values: np.ndarray, size: str) -> bytes:
    """Return bars (n, 5), n > 0, with their labels, ascending, as the JSON answer."""
    meta = {
        "1. Information": "Intraday (1min) open, high, low, close prices and volume",
        "2. Symbol": symbol,
        "3. Last Refreshed": stamps[-1],
        "4. Interval": "1min",
        "5. Output Size": "Compact" if size == "compact" else "Full size",
        "6. Time Zone": "US/Eastern",
    }
    head = orjson.dumps({"Meta Data": meta}, option=orjson.OPT_INDENT_2).decode().removesuffix("\n}")
    series = ",\n".join(_rows(JSON_ROW, stamps, values))
    return f'{head},\n  "Time Series (1min)": {{\n{series}\n  }}\n}}'.encode()


def in_csv(stamps: list[str], values: np.ndarray) -> bytes:
    """Return bars (n, 5) with their labels, ascending, as the CSV answer."""
    return "\r\n".join([",".join(("timestamp", *VALUES)), *_rows(CSV_ROW, stamps, values), ""]).encode()


def _rows(template: str, stamps: list[str], values: np.ndarray) -> list[str]:
    return [template % (stamp, *row) for stamp, row in zip(reversed(stamps), values[::-1].tolist(), strict=True)]
