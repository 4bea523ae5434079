"""Decompress responses and files that are packed with gzip."""

import gzip
import io
import zlib

from stock_ml.errors import BadFile

MAGIC = b"\x1f\x8b"
LARGEST = 2**30  # twenty years of minutes of one symbol, extended hours included, are about 300 MB


def decompress(body: bytes, where: str) -> bytes:
    """Return what a body holds. Raises BadFile where its gzip is cut short or broken, or holds more than 1 GiB."""
    if not body.startswith(MAGIC):
        return body
    try:
        with gzip.open(io.BytesIO(body)) as packed:
            plain = packed.read(LARGEST + 1)
    except EOFError:
        raise BadFile(f"{where} is cut short: its gzip has no end; fetch or copy it again") from None
    except (OSError, zlib.error) as error:
        raise BadFile(f"{where} is no whole gzip file: {error}; fetch or copy it again") from None
    if len(plain) > LARGEST:
        raise BadFile(f"{where} holds more than {LARGEST >> 30} GiB unpacked; split it")
    return plain
