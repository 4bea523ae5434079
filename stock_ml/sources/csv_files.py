"""Files of bars as a source, in any layout that is known: no live bars, but a replay."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from stock_ml.config import Settings, csv_files, is_named_by_symbol, symbol_of
from stock_ml.domain.calendar import Calendars
from stock_ml.errors import BadFile, NoBars, SourceError, TooManyBadRows
from stock_ml.sources.file_tables import Member, line_of, members_of, table_of
from stock_ml.sources.file_translation import NAMED, Rules, Translation, names_of, translate, zone_of
from stock_ml.sources.parsing import Convention, Response, parse
from stock_ml.sources.parsing.alpha_vantage_csv import HEADERS
from stock_ml.sources.parsing.label_checks import check_size
from stock_ml.sources.parsing.rows import VALUES
from stock_ml.sources.parsing.stamps import to_utc
from stock_ml.sources.parsing.table_layouts import Table

LARGEST = 2**29  # bytes of a file that is given as it is
JSON = (b"{", b"[")


@dataclass(frozen=True)
class CsvFiles:
    """Give a symbol's bars from a file, or from those of a folder whose names begin with the symbol or that name it.

    `zone` is that of stamps that name none, and `labels` what stamps mark, where the settings say so.
    """

    path: Path
    name: str = "csv"
    symbols: tuple[str, ...] = ()
    zone: str | None = None
    labels: Convention | None = None
    maximum_refused: float = 0.01
    calendars: Calendars = field(default_factory=lambda: Calendars("XNYS", (), ()))

    @classmethod
    def connect(cls, s: Settings) -> "CsvFiles":
        """Return the file or folder of the settings; it is not opened yet."""
        return cls(s.csv_path or Path(), "csv", s.symbols, s.csv_zone, s.labels, s.maximum_refused, s.calendars)

    def fetch(self, symbol: str, month: str = "all") -> Response:
        """Return a symbol's bars, whatever the month.

        A file in Alpha Vantage's layout and the exchange's zone is given byte for byte. Any other one, and several, are
        translated into one body; `request` says which layout and zone were understood.
        Raises NoBars where there is no file of the symbol; BadFile where one cannot be read or is empty;
        AmbiguousReading or AmbiguousTimestamps where its stamps can be read in two ways.
        """
        members = self._members(symbol)
        found = self._translation(members, symbol)
        request = {"file": names_of(members), "layout": found.layout, "zone": found.zone}
        return Response(self.name, symbol, month, request, time.time(), found.body, _kind(found.body))

    def digests(self, symbols: Iterable[str]) -> set[str]:
        """Return the SHA-256 of what `fetch` gives of each symbol now. Raises as `fetch` does."""
        return {sha256(self.fetch(symbol).body).hexdigest() for symbol in symbols}

    def newest(self, symbol: str) -> Response:
        """Raise SourceError: a file has no live bars."""
        raise SourceError(f"{self.path.name} has no live bars of {symbol}: replay it with `make replay`")

    def _members(self, symbol: str) -> list[Member]:
        files = csv_files(self.path) if self.path.is_dir() else [self.path]
        every = [member for file in files for member in members_of(file)]
        if len(every) == 1 and not self.path.is_dir():
            return [self._only(every[0], symbol)]
        own = [member for member in every if symbol_of(member.name) == symbol]
        others = [member for member in every if symbol_of(member.name) not in (symbol, *self.symbols)]
        found = own + [member for member in others if _names_symbols(table_of(member))]
        if not found and self.symbols == (symbol,):
            found = [member for member in every if not is_named_by_symbol(member.name)]  # of whom, the settings say
        if not found:
            raise NoBars(f"{self.path} has no file of {symbol}: expected {symbol}_….csv, .parquet, .gz or .zip")
        return found

    def _only(self, member: Member, symbol: str) -> Member:
        if self.symbols not in ((), (symbol,)) and not _names_symbols(table_of(member)):
            listed = ", ".join(self.symbols[:NAMED])
            raise BadFile(f"{member.where}: a file has the bars of one symbol, not of {listed}; give a folder of files")
        return member

    def _translation(self, members: list[Member], symbol: str) -> Translation:
        rules = Rules(self.calendars.of(symbol), self.zone, self.labels, self.maximum_refused)
        body = _alpha_vantage(members)
        if body is None:
            return translate(members, symbol, rules)
        try:
            found = _as_it_is(body, members[0].where, rules)
        except BadFile as strict:
            return _without_bad_rows(members, symbol, rules, strict)
        return found or translate(members, symbol, rules)


def _alpha_vantage(members: list[Member]) -> bytes | None:
    """Return the bytes of a single file in Alpha Vantage's own layout, None of any other."""
    [member, *others] = members
    if others or member.inner or member.is_parquet:
        return None
    body = _read(member.path)
    if body is None or body.lstrip()[:1] in JSON:
        return body
    return body if line_of(member, 1).removeprefix("\ufeff").split(",") in HEADERS else None


def _read(path: Path) -> bytes | None:
    """Return a file's bytes, None of one too large to be given as it is."""
    try:
        before = path.stat()
        body = path.read_bytes() if before.st_size <= LARGEST else None
        after = path.stat()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}; set STOCKML_CSV_PATH to a readable file or folder") from error
    if before.st_mtime_ns != after.st_mtime_ns or len(body or b"") not in (0, after.st_size):
        raise BadFile(f"{path.name} changed while it was read: wait until it is whole, then try again")
    if body is not None and not body.strip():
        raise BadFile(f"{path} is empty; expected a table of bars")
    return body


def _as_it_is(body: bytes, where: str, rules: Rules) -> Translation | None:
    """Return a body with what is understood of it, None where its labels are not in the exchange's zone."""
    rows = parse(body, where)
    if body.lstrip()[:1] in JSON:
        return Translation(body, "JSON", str(rows.attrs.get("zone") or rules.sessions.zone))
    check_size(rows, where)
    labels, whole = rows["label"].to_numpy("datetime64[s]").astype(np.int64), rows["broken"].to_numpy() == ""
    zone, words = zone_of(labels[whole], rows[VALUES].to_numpy(np.float64)[whole], rules, where)
    alike = np.array_equal(to_utc(labels, zone)[0], to_utc(labels, rules.sessions.zone)[0])
    return Translation(body, "Alpha Vantage", words) if alike else None


def _without_bad_rows(members: list[Member], symbol: str, rules: Rules, strict: BadFile) -> Translation:
    """Translate a file in which a strict reader found a bad row; where too many are bad, its error names the first."""
    try:
        return translate(members, symbol, rules)
    except TooManyBadRows:
        raise strict from None


def _names_symbols(table: Table) -> bool:
    return table.symbol is not None or table.columns.keys() != {""}


def _kind(body: bytes) -> str:
    return "application/gzip" if body.startswith(b"\x1f\x8b") else "text/csv"
