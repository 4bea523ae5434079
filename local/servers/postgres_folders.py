"""PostgreSQL's data folders of an installation: which there are, and what must happen to them next.

An upgrade builds the new server's data in `postgres.making`. Once they are complete this folder
becomes `postgres.upgraded`, then `postgres` becomes `postgres-16`, then `postgres.upgraded` becomes
`postgres`. Each rename is atomic, and what is on disk says where to go on.
"""

import os
import shutil
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from stock_ml.errors import HostError, NewerServerData

MAJOR = 18  # what runs here
OLD = 16  # what the wheel can still read


class Action(Enum):
    """Name what happens next to the folders."""

    NONE = auto()  # the live folder fits
    CREATE = auto()  # there is nothing yet
    COPY = auto()  # the live folder is an older server's
    SWITCH = auto()  # a complete copy waits for the live folder's name
    PUT_BACK = auto()  # only the old folder is left


@dataclass(frozen=True)
class Majors:
    """Hold the major version of each folder's data, None where there is no such folder."""

    place: Path
    live: int | None = None
    copy: int | None = None
    old: int | None = None


def next_action(majors: Majors) -> Action:
    """Return what must happen next.

    Raises NewerServerData where the data are of a newer server than this one, and HostError where
    no server here reads them, or where it is not clear which folder counts.
    """
    if majors.live is None:
        return _without_live(majors)
    if majors.live == MAJOR:
        return Action.NONE
    _refuse(majors.live, majors)
    return Action.COPY


def _without_live(majors: Majors) -> Action:
    if majors.copy is not None:
        return Action.SWITCH
    return Action.CREATE if majors.old is None else Action.PUT_BACK


def _refuse(live: int, majors: Majors) -> None:
    if live > MAJOR:
        raise NewerServerData(
            f"the data in {majors.place} are of PostgreSQL {live}, and this version of stock_ml brings {MAJOR}, which "
            f"cannot read them: go on with the version of stock_ml that made them, or move {majors.place} away and put "
            "a backup in its place with `make up` and `make restore`"
        )
    if live != OLD:
        raise HostError(
            f"the data in {majors.place} are of PostgreSQL {live}, and this version of stock_ml reads those of {OLD} "
            f"and {MAJOR} only: run the version of stock_ml that made them, and upgrade from there"
        )
    if majors.old is not None:
        raise HostError(
            f"{majors.place} holds data of PostgreSQL {live}, and so does postgres-{OLD} beside it: move away the one "
            "that you do not need, then `make up` again"
        )


@dataclass(frozen=True)
class Folders:
    """Name the folders of an installation, and read what they are."""

    state: Path

    @property
    def live(self) -> Path:
        """Return the folder that the server runs on."""
        return self.state / "postgres"

    @property
    def scratch(self) -> Path:
        """Return the folder of what is not complete: it may be deleted at any time."""
        return self.state / "postgres.making"

    @property
    def copy(self) -> Path:
        """Return the folder of a complete copy that waits for the live folder's name."""
        return self.state / "postgres.upgraded"

    @property
    def old(self) -> Path:
        """Return where an older server's data are kept after an upgrade."""
        return self.state / f"postgres-{OLD}"

    def majors(self) -> Majors:
        """Read which server made each folder. Raises HostError where one holds no PostgreSQL data."""
        return Majors(self.live, _major(self.live), _major(self.copy), _major(self.old))

    def rename(self, source: Path, target: Path) -> None:
        """Give a folder another name, for good once this returns."""
        source.rename(target)
        folder = os.open(self.state, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, folder: Path) -> None:
        """Delete a folder of data where there is one. A part of it never has its name."""
        if folder.exists():
            discard(self.scratch)
            self.rename(folder, self.scratch)
            discard(self.scratch)


def discard(folder: Path) -> None:
    """Delete a folder with all that is in it, where there is one. Raises HostError."""
    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise HostError(f"{folder} cannot be deleted: {error}; delete it by hand, then `make up` again") from error


def _major(folder: Path) -> int | None:
    if not folder.exists():
        return None
    try:
        return int((folder / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise HostError(
            f"{folder} holds no data of PostgreSQL, as its file PG_VERSION cannot be read ({error}): move it away, "
            "then `make up` again"
        ) from error
