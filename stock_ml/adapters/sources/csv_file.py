"""A file in Alpha Vantage's CSV layout as a source: one symbol, and no live bars but a replay."""

import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stock_ml.config import Settings
from stock_ml.errors import BadFile, SourceError
from stock_ml.received import Received


@dataclass(frozen=True)
class CsvFile:
    """Give a whole file as received; its bars belong to the one symbol of the installation."""

    path: Path
    name: str = "csv"

    @classmethod
    def connect(cls, s: Settings) -> "CsvFile":
        """Return the file of the settings; it is not opened yet."""
        return cls(s.csv_path or Path())

    def fetch(self, symbol: str, month: str = "all") -> Received:
        """Return the file's bytes, whatever the month. Raises BadFile where it cannot be read or is empty."""
        try:
            body = self.path.read_bytes()
        except OSError as error:
            raise BadFile(f"{self.path}: {error.strerror}; set STOCKML_CSV_PATH to a readable file") from error
        if not body.strip():
            raise BadFile(f"{self.path} is empty; expected a CSV file in Alpha Vantage's layout")
        return Received(self.name, symbol, month, {"file": self.path.name}, time.time(), body, "text/csv")

    def digest(self) -> str:
        """Return the SHA-256 of the file as it is now, which names it in the lake. Raises BadFile as `fetch` does."""
        return sha256(self.fetch("").body).hexdigest()

    def newest(self, symbol: str) -> Received:
        """Raise SourceError: a file has no live bars."""
        raise SourceError(f"{self.path.name} has no live bars of {symbol}: replay it with `make replay`")
