"""A full disk, told as such: where, and what to do; and a folder for a process's temporary files."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

from stock_ml.errors import DiskFull

FULL = (errno.ENOSPC, errno.EDQUOT)
BLOCK = 512  # bytes of what the system counts files in
PREFIX = "stockml-tmp-"  # of temporary folders; the number of their process follows, and what mkdtemp adds
OWN = re.compile(re.escape(PREFIX) + r"(\d+)-\w{8}")


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


def used_bytes(folder: Path) -> int:
    """Return the bytes that a folder takes on its disk; a file that goes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(place, name).lstat().st_blocks * BLOCK
    return total


def temporary_folder() -> Path:
    """Return a folder for temporary files of this process; those of killed processes are deleted.

    A process that is killed deletes nothing, and a killed training leaves hundreds of megabytes.
    """
    return _temporary_folder(os.getpid())


@cache
def _temporary_folder(process: int) -> Path:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        own = OWN.fullmatch(left.name)
        if own and not psutil.pid_exists(int(own[1])):
            shutil.rmtree(left, ignore_errors=True)  # another user's stays
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{process}-"))
