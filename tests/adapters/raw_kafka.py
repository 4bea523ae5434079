"""Requests that Kafka's own client would never make, over a plain socket; among them a batch of records.

The broker checks a batch's header, and reads compressed records one by one without keeping them. So it takes a
record that is too large for any client to unpack.
"""

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import time

import pyarrow as pa

from local.servers.kafka_user import BROKER
from stock_ml.config import Settings

PRODUCE, VERSION = 0, 7  # the first version that may carry zstd
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36
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


class Connection:
    """Send requests, and read the answers."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def request(self, key: int, version: int, body: bytes) -> bytes:
        """Return what follows an answer's header, b"" where the server hangs up."""
        request = struct.pack(">hhi", key, version, 1) + text("tests") + body
        try:
            self._line.sendall(struct.pack(">i", len(request)) + request)
            return self._read(struct.unpack(">i", self._read(4))[0])[4:]
        except ConnectionError:
            return b""

    def login(self, user: str, password: str) -> int:
        """Log in by PLAIN, and return the server's error, 0 where it is let in."""
        self.request(SASL_HANDSHAKE, 1, text("PLAIN"))
        words = f"\0{user}\0{password}".encode()
        answer = self.request(SASL_AUTHENTICATE, 0, struct.pack(">i", len(words)) + words)
        return int(struct.unpack_from(">h", answer)[0])

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._line.recv(size - len(found))
            if not part:
                raise ConnectionResetError
            found += part
        return found


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    """Connect to a port of this machine, without a login."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        yield Connection(line)


def produce(s: Settings, topic: str, partition: int, records: bytes) -> int:
    """Send a batch to the broker, logged in as itself, and return its first offset."""
    body = struct.pack(">hhi", -1, 1, 30_000) + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">iii", 1, partition, len(records)) + records
    with connected(s.kafka_port) as connection:
        assert connection.login(BROKER, _password(s)) == 0
        answer = connection.request(PRODUCE, VERSION, body)
    _, error, offset = struct.unpack_from(">ihq", answer, 4 + 2 + len(topic) + 4)
    assert error == 0, f"the broker refused the batch with error {error}"
    return int(offset)


def _password(s: Settings) -> str:
    """Return the broker's own password from its configuration: tests of several sources share one broker."""
    (file,) = s.home.glob("*/kafka.properties")
    return str(re.findall(rf'user_{BROKER}="(\w+)"', file.read_text())[0])


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


def text(text: str) -> bytes:
    """Return a text as the protocol writes it."""
    return struct.pack(">h", len(text)) + text.encode()
