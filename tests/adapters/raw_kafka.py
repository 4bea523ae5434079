"""Produce a batch of records that Kafka's own client would never make, over a plain socket.

The broker checks a batch's header, and reads compressed records one by one without keeping them. So it takes a
record that is too large for any client to unpack.
"""

import socket
import struct
from collections.abc import Iterable
from time import time

import pyarrow as pa

PRODUCE, VERSION = 0, 7  # the first version that may carry zstd
ZSTD = 4
BOMB = bytes(90 * 2**20)


def bomb(records: int) -> bytes:
    """Return a batch of so many records in 3 kB, the first of 90 MiB: librdkafka gives it up."""
    return batch([BOMB, *[b"{}"] * (records - 1)])


def batch(values: Iterable[bytes]) -> bytes:
    """Return a record batch, compressed with zstd."""
    records = [_record(offset, value) for offset, value in enumerate(values)]
    packed = _zstd(b"".join(records))
    now = int(time() * 1000)
    head = struct.pack(">hiqqqhii", ZSTD, len(records) - 1, now, now, -1, -1, -1, len(records))
    tail = head + packed
    return struct.pack(">qiib", 0, 4 + 1 + 4 + len(tail), -1, 2) + struct.pack(">I", crc32c(tail)) + tail


def produce(servers: str, topic: str, partition: int, records: bytes) -> int:
    """Send a batch to a broker that leads the partition, and return its first offset."""
    body = struct.pack(">hhi", -1, 1, 30_000) + struct.pack(">i", 1) + _text(topic)
    body += struct.pack(">iii", 1, partition, len(records)) + records
    request = struct.pack(">hhi", PRODUCE, VERSION, 1) + _text("tests") + body
    host, _, port = servers.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(line, 4))
        answer = _read(line, size)
    _, error, offset = struct.unpack_from(">ihq", answer, 4 + 4 + 2 + len(topic) + 4)
    assert error == 0, f"the broker refused the batch with error {error}"
    return int(offset)


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum that a batch carries."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CRC_TABLE = [_crc_entry(byte) for byte in range(256)]


def _record(offset: int, value: bytes) -> bytes:
    body = b"\0" + _varint(0) + _varint(offset) + _varint(-1) + _varint(len(value)) + value + _varint(0)
    return _varint(len(body)) + body


def _zstd(data: bytes) -> bytes:
    """Pack as a stream, which does not say beforehand how large its content is."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def _varint(number: int) -> bytes:
    zigzag, out = (number << 1) ^ (number >> 63), bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _read(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = line.recv(size - len(found))
        assert part, "the broker closed the connection"
        found += part
    return found
