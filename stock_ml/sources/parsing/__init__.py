"""Read responses strictly: rows as received, the meaning of their timestamps, and the bars in them."""

from stock_ml.sources.parsing.layout import LiveRows, bars_of, live_rows, parse, read
from stock_ml.sources.parsing.response import WHOLE_FILE, Response
from stock_ml.sources.parsing.timestamp_convention import Convention, detect_convention, place

__all__ = [
    "WHOLE_FILE",
    "Convention",
    "LiveRows",
    "Response",
    "bars_of",
    "detect_convention",
    "live_rows",
    "parse",
    "place",
    "read",
]
