"""Which source gives the bars: one table, one small protocol."""

from collections.abc import Callable
from typing import Protocol

from stock_ml.adapters.sources.alpha_vantage import AlphaVantage, free
from stock_ml.adapters.sources.csv_file import CsvFile
from stock_ml.config import Settings
from stock_ml.received import Received


class Source(Protocol):
    """Give bars as received; raises the SourceError that names what went wrong, or BadFile."""

    @property
    def name(self) -> str:
        """Return the source's name, as it stands in keys, bars and messages."""

    def fetch(self, symbol: str, month: str) -> Received:
        """Return all bars of a symbol's month YYYY-MM, or of "all" months of a file."""

    def newest(self, symbol: str) -> Received:
        """Return a symbol's newest bars."""


def open_source(s: Settings, spend: Callable[[], None] = free) -> Source:
    """Return the source that the settings name; nothing is sent or read yet.

    `spend` is called before each request of a source that counts them; it waits, or raises DailyLimit.
    """
    match s.source:
        case "csv":
            return CsvFile.connect(s)
        case "sandbox":
            return AlphaVantage.sandbox(s)
        case "alpha_vantage":
            return AlphaVantage.connect(s, spend)
