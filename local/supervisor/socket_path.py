"""Where the supervisor of an installation listens: a unix socket that its owner alone can reach."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from stock_ml.errors import HostError

LONGEST = 100  # bytes: the kernel refuses longer paths of unix sockets


def socket_of(state: Path, spare: Path | None = None) -> Path:
    """Return the path of an installation's socket: in its folder, or below `spare` where that path is too long.

    Raises HostError where the spare folder belongs to another, or lets others in.
    """
    path = state / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST:
        return path
    folder = spare or Path(tempfile.gettempdir()) / f"stock_ml-{os.geteuid()}"
    _make_private_folder(folder)
    return folder / f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}.sock"


def _make_private_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid() or there.st_mode & 0o077:
        raise HostError(f"{folder} must be a folder that is yours alone (mode 0700): remove it, or set TMPDIR")
