"""Backups of the databases: a folder each, whose manifest is written last."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from stock_ml.adapters.lake import keys
from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable


class StoredFile(TypedDict):
    """Hold the digest and the size of a file of a backup."""

    sha256: str
    bytes: int


Manifest = dict[str, StoredFile]  # by the name of the part


@dataclass(frozen=True)
class Backups:
    """Store and fetch backups, each named by its time; every method raises StoreUnavailable."""

    objects: Objects
    source: str

    @classmethod
    def connect(cls, s: Settings) -> "Backups":
        """Return the installation's backups; nothing is sent yet."""
        return cls(Objects.connect(s), s.source)

    def add(self, name: str, files: Mapping[str, Path]) -> Manifest:
        """Store files under a name and return the manifest; each is read back before it is written."""
        manifest: Manifest = {
            part: {"sha256": digest(file), "bytes": file.stat().st_size} for part, file in files.items()
        }
        for part, file in files.items():
            self.objects.put_file(self._key(name, part), file)
            back = file.with_suffix(".back")
            self.objects.get_file(self._key(name, part), back)
            self._verify(self._key(name, part), back, manifest[part]["sha256"])
            back.unlink()
        self.objects.put(self._key(name, keys.MANIFEST), json.dumps(manifest).encode(), "application/json")
        return manifest

    def names(self) -> list[str]:
        """Return the backups that are whole, oldest first."""
        return [keys.backup_name(key) for key in self._keys() if keys.is_manifest(key)]

    def fetch(self, name: str, folder: Path) -> dict[str, Path]:
        """Write a backup's files into a folder, each as its manifest says, and return them by part."""
        text = self.objects.get(self._key(name, keys.MANIFEST))
        if text is None:
            raise StoreUnavailable(f"there is no backup {name!r:.40}; there are: {', '.join(self.names()) or 'none'}")
        files = {}
        manifest: Manifest = json.loads(text)
        for part, known in manifest.items():
            files[part] = folder / part
            self.objects.get_file(self._key(name, part), files[part])
            self._verify(self._key(name, part), files[part], known["sha256"])
        return files

    def forget(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` whole backups, and what was left half made before; return their names."""
        newest = self.names()[-keep:]
        old = [key for key in self._keys() if newest and keys.backup_name(key) < newest[0]]
        for key in sorted(old, key=lambda key: not keys.is_manifest(key)):  # first it is no backup any more
            self.objects.delete(key)
        return sorted({keys.backup_name(key) for key in old})

    def _key(self, name: str, part: str) -> str:
        return keys.backup(self.source, name, part)

    def _keys(self) -> list[str]:
        return self.objects.keys(keys.backups_folder(self.source))

    def _verify(self, key: str, file: Path, expected: str) -> None:
        if digest(file) != expected:
            raise StoreUnavailable(f"{self.objects.bucket}/{key} does not hold what was put there: do not rely on it")


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
