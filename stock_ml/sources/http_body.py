"""Read a body from a server that may be slow, broken or endless."""

import time
from collections.abc import Iterable

from stock_ml.errors import TimedOut, TooLarge

TIMEOUT = 10.0  # seconds until the first byte, and between two
WHOLE = 120.0  # seconds until the last byte
LARGEST = 64 * 2**20  # a month of minute bars, extended hours included, is about 3 MB
CHUNK = 64 * 2**10


def whole_body(chunks: Iterable[bytes], where: str, longest: float = WHOLE) -> bytes:
    """Return all chunks as one. Raises TooLarge or TimedOut before more than the limit was held."""
    body, ends_at = bytearray(), time.monotonic() + longest
    for chunk in chunks:
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge(
                f"{where} answered with more than {LARGEST >> 20} MiB: that is no month of bars; nothing kept"
            )
        if time.monotonic() > ends_at:
            raise TimedOut(f"{where} had not answered whole after {longest:.0f} s; it may be quicker later")
    return bytes(body)
