"""PostgreSQL's binary COPY format, made and read with numpy: no Python object a row.

Every row is the number of its fields (int16), then for each field its length in bytes (int32) and its bytes, all big
endian: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from collections.abc import Iterator

import numpy as np

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
EPOCH = 946_684_800  # 2000-01-01, from which PostgreSQL counts
TIMES = frozenset({"ts", "bar_ts", "target_ts", "trained_until", "made_at"})  # epoch seconds here, timestamptz there


def encode(rows: np.ndarray) -> bytes:
    """Return a table's rows, text columns as bytes, times as named above."""
    return b"".join([HEAD, *(part.tobytes() for part in _parts(rows)), TAIL])


def decode(data: bytes, dtype: np.dtype) -> np.ndarray:
    """Return the rows that PostgreSQL sent, all columns of fixed width and not null, times in whole seconds."""
    kinds = {name: np.dtype(np.int64) if name in TIMES else dtype[name] for name in dtype.names or ()}
    layout = _layout(kinds)
    found = np.frombuffer(data, layout, count=(len(data) - len(HEAD) - len(TAIL)) // layout.itemsize, offset=len(HEAD))
    rows = np.empty(len(found), dtype)
    for name in dtype.names or ():
        rows[name] = found[name] // 1_000_000 + EPOCH if name in TIMES else found[name]
    return rows


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows as they are sent, those together whose texts are as long: only then a row has a fixed width."""
    columns = {name: _sent(name, rows[name]) for name in rows.dtype.names or ()}
    texts = [name for name, column in columns.items() if column.dtype.kind == "S"]
    lengths = np.stack([np.strings.str_len(columns[name]) for name in texts])
    kinds = lengths.T @ 64 ** np.arange(len(texts))
    for kind in np.unique(kinds):
        chosen = np.flatnonzero(kinds == kind)
        widths = dict(zip(texts, lengths[:, chosen[0]].tolist(), strict=True))
        types = {name: np.dtype(f"S{widths[name]}") if name in widths else c.dtype for name, c in columns.items()}
        yield _filled(types, {name: column[chosen] for name, column in columns.items()})


def _filled(types: dict[str, np.dtype], columns: dict[str, np.ndarray]) -> np.ndarray:
    layout = _layout(types)
    sent = np.empty(len(next(iter(columns.values()))), layout)
    sent["fields"] = len(types)
    for name, column in columns.items():
        sent[f"{name} length"] = types[name].itemsize
        sent[name] = column
    return sent


def _layout(types: dict[str, np.dtype]) -> np.dtype:
    fields = ((f"{name} length", np.dtype(">i4"), name, kind.newbyteorder(">")) for name, kind in types.items())
    return np.dtype([("fields", ">i2"), *(pair for a, b, c, d in fields for pair in ((a, b), (c, d)))])


def _sent(name: str, column: np.ndarray) -> np.ndarray:
    if name in TIMES:
        return np.rint((column - EPOCH) * 1e6).astype(np.int64)
    if column.dtype.kind == "M":
        return (column - np.datetime64("2000-01-01")).astype(np.int32)
    return column
