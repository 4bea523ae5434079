"""CSV files in Alpha Vantage's layout as a source: no live bars, but a replay."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stock_ml.config import Settings, csv_files, symbol_of
from stock_ml.errors import BadFile, NoBars, SourceError
from stock_ml.sources.parsing import Response, parse
from stock_ml.sources.parsing.gzip_body import decompress


@dataclass(frozen=True)
class CsvFiles:
    """Give a symbol's file as received; a folder's files belong to the symbols that their names begin with."""

    path: Path
    name: str = "csv"

    @classmethod
    def connect(cls, s: Settings) -> "CsvFiles":
        """Return the file or folder of the settings; it is not opened yet."""
        return cls(s.csv_path or Path())

    def fetch(self, symbol: str, month: str = "all") -> Response:
        """Return the bytes of a symbol's file, whatever the month; those of several files as one, unpacked.

        Raises NoBars where a folder has no file of the symbol, BadFile where one cannot be read or is empty.
        """
        files = self._files(symbol)
        if len(files) > 1:
            for file in files:  # each by itself first, so that an error names its line
                parse(_read(file), file.name)
        body, names = _body(files), ", ".join(file.name for file in files)
        return Response(self.name, symbol, month, {"file": names}, time.time(), body, _kind(body))

    def digests(self, symbols: Iterable[str]) -> set[str]:
        """Return the SHA-256 of what `fetch` gives of each symbol now. Raises as `fetch` does."""
        return {sha256(_body(self._files(symbol))).hexdigest() for symbol in symbols}

    def check(self, symbols: Iterable[str]) -> None:
        """Read each file of the symbols whole. Raises BadFile naming file, line and column, or NoBars."""
        for file in {file: None for symbol in symbols for file in self._files(symbol)}:
            parse(_read(file), file.name)

    def newest(self, symbol: str) -> Response:
        """Raise SourceError: a file has no live bars."""
        raise SourceError(f"{self.path.name} has no live bars of {symbol}: replay it with `make replay`")

    def _files(self, symbol: str) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        found = [file for file in csv_files(self.path) if symbol_of(file) == symbol]
        if not found:
            raise NoBars(f"{self.path} has no file of {symbol}: expected {symbol}_….csv or .csv.gz")
        return found


def _read(file: Path) -> bytes:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}; set STOCKML_CSV_PATH to a readable file or folder") from error
    if not body.strip():
        raise BadFile(f"{file} is empty; expected a CSV file in Alpha Vantage's layout")
    return body


def _body(files: list[Path]) -> bytes:
    """Return one file as it is, several unpacked as one with one header."""
    bodies = [_read(file) for file in files]
    if len(files) == 1:
        return bodies[0]
    plain = [decompress(body, file.name) for file, body in zip(files, bodies, strict=True)]
    parts = [text.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n") for text in plain]
    return b"\n".join([parts[0][0].strip(), *(rows.rstrip() for _, _, rows in parts), b""])


def _kind(body: bytes) -> str:
    return "application/gzip" if body.startswith(b"\x1f\x8b") else "text/csv"
