"""Spark's classes as Java keeps them between runs, so that a training need not read and check them all again.

Java's class data sharing: a Spark that ends well leaves what it had loaded in one file, and later ones map it.
It spares a quarter of the seconds that a small training takes (`make bench NAME=pipeline`).
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off"


@dataclass(frozen=True)
class ClassArchive:
    """Name the archive of one Java and one class path, and say whether it is there, or this process is to make it."""

    file: Path
    exists: bool
    makes: bool

    @classmethod
    def of(cls, folder: Path, class_path: Iterable[Path]) -> "ClassArchive":
        """Return the archive in a folder for the files of a class path: another Java or jar makes another one."""
        known = [_known(path) for path in (_java(), *sorted(class_path))]
        file = folder / f"classes-{hashlib.sha256('/'.join(known).encode()).hexdigest()[:16]}.jsa"
        return cls(file, file.exists(), not file.exists() and os.access(folder, os.W_OK))

    @property
    def unfinished(self) -> Path:
        """Return where this process has Java write it, which takes some seconds at its end."""
        return self.file.with_suffix(f".{os.getpid()}")

    def options(self) -> str:
        """Return Java's options that use the archive, or make it at the end; none where it can do neither."""
        if self.exists:
            return f'-XX:SharedArchiveFile="{self.file}" {QUIET}'
        return f'-XX:ArchiveClassesAtExit="{self.unfinished}" {QUIET}' if self.makes else ""

    def keep(self, well: bool) -> None:
        """Keep what this process had made where Java ended well, and forget what others made or left unfinished."""
        if not well:
            self.unfinished.unlink(missing_ok=True)
        elif self.unfinished.exists():
            for other in set(self.file.parent.glob("classes-*")) - {self.unfinished}:
                other.unlink(missing_ok=True)
            self.unfinished.replace(self.file)


def _java() -> Path:
    home = os.environ.get("JAVA_HOME")
    return Path(shutil.which("java", path=f"{home}/bin" if home else None) or "java").resolve()


def _known(path: Path) -> str:
    """Return what Java itself compares before it takes an archive: a file's path, size and time of change."""
    found = path.stat() if path.exists() else None
    return f"{path} {found.st_size} {found.st_mtime_ns}" if found else str(path)
