"""Read a body from a server that may be slow, broken or endless."""

import time
from collections.abc import Iterable

from stock_ml.errors import TimedOut, TooLarge

TIMEOUT = 10.0  # seconds until the first byte, and between two
BODY_TIMEOUT = 120.0  # seconds until the last byte
MAX_BYTES = 64 * 2**20  # a month of minute bars, extended hours included, is about 3 MB
CHUNK = 64 * 2**10


def read_body(chunks: Iterable[bytes], where: str, timeout: float = BODY_TIMEOUT) -> bytes:
    """Return all chunks as one. Raises TooLarge or TimedOut before more than the limit was held."""
    body, ends_at = bytearray(), time.monotonic() + timeout
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(
                f"{where} answered with more than {MAX_BYTES >> 20} MiB: that is no month of bars; nothing kept"
            )
        if time.monotonic() > ends_at:
            raise TimedOut(f"{where} had not answered whole after {timeout:.0f} s; it may be quicker later")
    return bytes(body)
