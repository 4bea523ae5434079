"""A full disk, told as such: where, and what to do."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from stock_ml.errors import DiskFull

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def space() -> Iterator[None]:
    """Turn a full disk inside the block into DiskFull."""
    try:
        yield
    except OSError as error:
        check(error)
        raise


def check(error: Exception) -> None:
    """Raise DiskFull where an error tells of a full disk, be it in the words of another program."""
    if getattr(error, "errno", None) not in FULL and os.strerror(errno.ENOSPC) not in str(error):
        return
    where = getattr(error, "filename", None) or tempfile.gettempdir()
    told = "nothing was registered, and the champion serves on. Free some of it, or let TMPDIR name another folder"
    raise DiskFull(f"the disk is full, as it seems that of {where} ({str(error)[:200]}): {told}") from error
