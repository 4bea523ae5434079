"""Which source gives the bars: one table, one small protocol. A new source is a file here and a line in the table."""

from collections.abc import Callable
from typing import Protocol

from stock_ml.config import Settings
from stock_ml.sources.alpha_vantage import AlphaVantage, free
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import Received
from stock_ml.sources.yahoo import Yahoo

Spend = Callable[[], None]


class Source(Protocol):
    """Give bars as received; raises the SourceError that names what went wrong, or BadFile."""

    @property
    def name(self) -> str:
        """Return the source's name, as it stands in keys, bars and messages."""

    def fetch(self, symbol: str, month: str) -> Received:
        """Return all bars of a symbol's month YYYY-MM, or of "all" months of a file. Raises NoBars where none is."""

    def newest(self, symbol: str) -> Received:
        """Return a symbol's newest bars."""


SOURCES: dict[str, Callable[[Settings, Spend], Source]] = {
    "sandbox": lambda s, _: AlphaVantage.sandbox(s),
    "alpha_vantage": AlphaVantage.connect,
    "yahoo": lambda s, _: Yahoo.connect(s),
    "csv": lambda s, _: CsvFiles.connect(s),
}


def open_source(s: Settings, spend: Spend = free) -> Source:
    """Return the source that the settings name; nothing is sent or read yet.

    `spend` is called before each request of a source that counts them; it waits, or raises DailyLimit.
    """
    return SOURCES[s.source](s, spend)
