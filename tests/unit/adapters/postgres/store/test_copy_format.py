import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.postgres.store import BARS, STORED_BARS, BarRow, Rows
from stock_ml.adapters.postgres.store.copy_format import EPOCH, encode
from stock_ml.adapters.postgres.store.copy_format import decode as decoded

names = st.text("ABCXYZ.-^0", min_size=1, max_size=12)


@given(st.lists(st.tuples(names, st.integers(0, 60_000_000), st.floats(0.01, 1e9), st.booleans()), max_size=8))
def test_every_row_is_sent_as_the_format_says(given: list[tuple[str, int, float, bool]]) -> None:
    rows = [BarRow(name, 60 * m, p, p, p, p, 1.0, filled, "sandbox", False) for name, m, p, filled in given]
    data = encode(Rows.of(rows).bars)
    assert data[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert data[-2:] == b"\xff\xff"
    assert sorted(plain(data[19:-2])) == sorted((r.symbol, r.ts, r.close, r.filled, r.source) for r in rows)


def plain(data: bytes) -> list[tuple[str, int, float, bool, str]]:
    """Read rows field by field."""
    rows, at = [], 0
    while at < len(data):
        (count,) = struct.unpack_from(">h", data, at)
        at, fields = at + 2, []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, at)
            fields.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        ts = struct.unpack(">q", fields[1])[0] // 10**6 + EPOCH
        close = struct.unpack(">d", fields[5])[0]
        rows.append((fields[0].decode(), ts, close, fields[7] == b"\x01", fields[8].decode()))
    return rows


def test_rows_of_one_width_come_back() -> None:
    rows = np.array([(1, 1_709_303_400, 1.5, 2.5, 0.5, 1.25, 7.0, 3), (2, 60, 1, 1, 1, 1, 0, 0)], STORED_BARS)
    sent = rows.copy()
    data = encode_fixed(sent)
    assert decoded(data, STORED_BARS).tolist() == rows.tolist()
    assert decoded(encode_fixed(rows[:0]), STORED_BARS).tolist() == []
    assert BARS.names == BarRow._fields


def encode_fixed(rows: np.ndarray) -> bytes:
    """Send rows as PostgreSQL does."""
    parts = [b"PGCOPY\n\xff\r\n\0" + bytes(8)]
    for place, ts, *numbers, revision in rows.tolist():
        parts.append(struct.pack(">h", 8) + struct.pack(">ii", 4, place) + struct.pack(">iq", 8, (ts - EPOCH) * 10**6))
        parts += [struct.pack(">id", 8, number) for number in numbers]
        parts.append(struct.pack(">ih", 2, revision))
    return b"".join([*parts, b"\xff\xff"])
