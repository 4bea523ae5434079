"""Open the tables of bars in files, packed or not, and read them in pieces, so that no file is held whole."""

import gzip
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.table_layouts import EXPECTED, MOST_COLUMNS, Table, recognise, recognise_names
from stock_ml.sources.parsing.tables import columns_needed

PEEK = 2**16  # bytes that hold the header and the first rows of any table of bars
BLOCK = 2**22  # bytes that are read at once; no line is longer
BATCH = 2**16  # rows of a Parquet file that are read at once
MOST_GROUP = 2**31  # bytes of a row group of a Parquet file, which is read at once
BOMB, SMALL = 200, 2**26  # times its packed size, and bytes, beyond which no file of bars unpacks
SUFFIXES = (".csv", ".txt", ".tsv", ".parquet")
GZIP = b"\x1f\x8b"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
AGAIN = "fetch or copy it again"


@dataclass(frozen=True)
class Member:
    """Hold a file of bars: one of its own, or a member of a .zip file."""

    path: Path
    inner: str = ""

    @property
    def name(self) -> str:
        """Return the name by which messages and symbols know it."""
        return PurePosixPath(self.inner).name if self.inner else self.path.name

    @property
    def where(self) -> str:
        """Say which file this is, for messages."""
        return f"{self.path.name}, member {self.inner}" if self.inner else self.path.name

    @property
    def is_parquet(self) -> bool:
        """Say whether it is a Parquet file."""
        return self.name.lower().endswith(".parquet")


class Piece(NamedTuple):
    """Hold some rows as texts, whose columns are named by their place, and how many more had too many or few values."""

    batch: pa.RecordBatch
    unreadable: int


def members_of(path: Path) -> list[Member]:
    """Return the files of bars in a file: itself, or the members of a .zip file. Raises BadFile."""
    if not path.name.lower().endswith(".zip"):
        return [Member(path)]
    with _guarded(Member(path)), zipfile.ZipFile(path) as packed:
        names = sorted(info.filename for info in packed.infolist() if _is_of_bars(info))
    if not names:
        raise BadFile(f"{path.name} holds no .csv, .txt or .parquet file; {EXPECTED}")
    return [Member(path, name) for name in names]


def _is_of_bars(info: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(info.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return not info.is_dir() and not hidden and name.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def table_of(member: Member) -> Table:
    """Return how a file is read, by its first lines. Raises BadFile."""
    with _guarded(member), _opened(member) as stream:
        if member.is_parquet:
            return _parquet_table(stream, member.where)
        head = stream.read(PEEK)
    if not head.strip():
        raise BadFile(f"{member.path if not member.inner else member.where} is empty; {EXPECTED}")
    if len(head) == PEEK and head.count(b"\n") < 2:
        raise BadFile(f"{member.where}: a line at its start is longer than {PEEK >> 11} KiB; {EXPECTED}")
    whole = head if len(head) < PEEK else head[: head.rindex(b"\n")]
    text = whole.decode("utf-16" if _is_utf16(head) else "utf-8-sig", errors="replace")
    return recognise(text, member.where)


def pieces(member: Member, table: Table) -> Iterator[Piece]:
    """Read a table in pieces. Raises BadFile where it is broken, changes meanwhile, or unpacks without an end."""
    try:
        before = member.path.stat()
        with _guarded(member), _opened(member) as stream:
            yield from _parquet_pieces(stream, table) if member.is_parquet else _csv_pieces(stream, table)
        after = member.path.stat()
    except OSError as error:
        raise _unreadable(member, error) from error
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        raise BadFile(f"{member.where} changed while it was read: wait until it is whole, then try again")


def line_of(member: Member, number: int) -> str:
    """Return a line of a file as text, counted from 1, "" where it has not so many."""
    with _guarded(member), _opened(member) as stream:
        return next(islice(stream, number - 1, None), b"").decode(errors="replace").strip()


def _unreadable(member: Member, error: OSError) -> BadFile:
    return BadFile(f"{member.path}: {error.strerror or error}; set STOCKML_CSV_PATH to a readable file or folder")


@contextmanager
def _guarded(member: Member) -> Iterator[None]:
    """Turn what readers raise of broken files into BadFile."""
    try:
        yield
    except EOFError:
        raise BadFile(f"{member.where} is cut short: its packed data have no end; {AGAIN}") from None
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, struct.error) as error:
        raise BadFile(f"{member.where} is no whole packed file: {error}; {AGAIN}") from None
    except (RuntimeError, NotImplementedError) as error:  # what zipfile raises of a password, or an unusual method
        if isinstance(error, pa.ArrowException):
            raise BadFile(f"{member.where} cannot be read: {error!s:.300}") from None
        raise BadFile(f"{member.where} cannot be unpacked: {error}; give it without a password, as .csv") from None
    except pa.ArrowException as error:
        raise BadFile(f"{member.where} cannot be read: {error!s:.300}; {EXPECTED}") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"{member.where} is no text in UTF-8 or UTF-16: {error}") from None
    except OSError as error:
        raise _unreadable(member, error) from error


@contextmanager
def _opened(member: Member) -> Iterator[IO[bytes]]:
    with member.path.open("rb") as file:
        if not member.inner:
            yield _unpacked(file, member, member.path.stat().st_size)
            return
        with zipfile.ZipFile(file) as packed, packed.open(member.inner) as inner:
            size = packed.getinfo(member.inner).compress_size
            bounded = io.BufferedReader(_Bounded(inner, member.where, size))
            stream = _unpacked(bounded, member, size)
            if not member.is_parquet:
                yield stream
                return
            with tempfile.TemporaryFile(prefix="stock_ml-") as held:  # Parquet is read from its end
                shutil.copyfileobj(stream, held)
                held.seek(0)
                yield held


def _unpacked(stream: IO[bytes], member: Member, size: int) -> IO[bytes]:
    peeked = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    if not member.name.lower().endswith(".gz") and not peeked.peek(2).startswith(GZIP):
        return peeked
    return io.BufferedReader(_Bounded(gzip.GzipFile(fileobj=peeked), member.where, size))


class _Bounded(io.RawIOBase):
    """Read an unpacked stream until it is far larger than any table of bars of its packed size."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, where: str, packed: int) -> None:
        self._stream, self._where, self._left = stream, where, max(BOMB * packed, SMALL)

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(into))
        self._left -= len(found)
        if self._left < 0:
            raise BadFile(f"{self._where} unpacks to more than {BOMB} times its size: no file of bars does; {AGAIN}")
        into[: len(found)] = found
        return len(found)


def _is_utf16(head: bytes) -> bool:
    return head.startswith(UTF16)


def _csv_pieces(stream: IO[bytes], table: Table) -> Iterator[Piece]:
    unreadable = [0]

    def skip(_: object) -> str:
        unreadable[0] += 1
        return "skip"

    names = [f"c{at}" for at in range(table.width)]
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    encoding = "utf-16" if _is_utf16(buffered.peek(2)[:2]) else "utf8"
    reading = arrow_csv.ReadOptions(
        column_names=names, skip_rows=table.skip, block_size=BLOCK, use_threads=False, encoding=encoding
    )
    parsing = arrow_csv.ParseOptions(delimiter=table.delimiter, invalid_row_handler=skip)
    kinds = {name: pa.string() for name in columns_needed(table)}
    convert = arrow_csv.ConvertOptions(
        column_types=kinds, include_columns=list(kinds), strings_can_be_null=False, null_values=[]
    )
    try:
        batches = arrow_csv.open_csv(buffered, reading, parsing, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    for batch in batches:
        count, unreadable[0] = unreadable[0], 0
        yield Piece(batch, count)


def _parquet_table(stream: IO[bytes], where: str) -> Table:
    file = _parquet_file(stream, where)
    names = [str(name) for name in file.schema_arrow.names]
    first = next(file.iter_batches(batch_size=1), None)
    texts = [str(_texts(column)[0].as_py()) for column in first.columns] if first is not None else []
    return recognise_names(names, texts, where)


def _parquet_file(stream: IO[bytes], where: str) -> parquet.ParquetFile:
    file = parquet.ParquetFile(stream)
    if len(file.schema_arrow.names) > MOST_COLUMNS:
        raise BadFile(f"{where} has {len(file.schema_arrow.names):,} columns: no table of bars has; {EXPECTED}")
    largest = max((file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)), default=0)
    if largest > MOST_GROUP:
        raise BadFile(f"{where} has a row group of {largest >> 20:,} MiB; write it with row groups of a million rows")
    return file


def _parquet_pieces(stream: IO[bytes], table: Table) -> Iterator[Piece]:
    file, needed = parquet.ParquetFile(stream), columns_needed(table)
    names = [file.schema_arrow.names[int(name[1:])] for name in needed]
    for batch in file.iter_batches(batch_size=BATCH, columns=names):
        yield Piece(pa.RecordBatch.from_arrays([_texts(batch.column(name)) for name in names], needed), 0)


def _texts(column: pa.Array) -> pa.Array:
    return compute.cast(column, pa.string()).fill_null("")
