"""Backups of the databases, in a bucket of their own: a folder each, whose signed manifest is written last."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stock_ml.adapters.lake import keys
from stock_ml.adapters.lake.manifest import WAY_OUT, Manifest, StoredFile, read_unsigned, sign, verify
from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings
from stock_ml.errors import BadSetting, StoreUnavailable, UntrustedBackup

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backups:
    """Store and fetch backups, each named by its time; every method raises StoreUnavailable.

    `older` is the data's bucket, where backups were before they were signed. They are never restored.
    """

    objects: Objects
    older: Objects
    source: str
    key: str = field(repr=False)

    @classmethod
    def connect(cls, s: Settings) -> "Backups":
        """Return the installation's backups; nothing is sent yet. Raises BadSetting without a key to sign with."""
        if s.backup_key is None:
            raise BadSetting("STOCKML_BACKUP_KEY signs backups, and is not set: give a long random text, and keep it")
        data = Objects.connect(s)
        return cls(replace(data, bucket=s.backup_bucket), data, s.source, s.backup_key.get_secret_value())

    def add(self, name: str, files: Mapping[str, Path]) -> Manifest:
        """Store files under a name and return the manifest; each is read back before it is written."""
        self.objects.ensure_bucket()
        manifest: Manifest = {part: _describe(file) for part, file in files.items()}
        for part, file in files.items():
            self.objects.put_file(self._key(name, part), file)
            back = file.with_suffix(".back")
            self._get_file(self.objects, name, part, manifest[part], back)
            back.unlink()
        body = sign(manifest, self.source, name, self.key)
        self.objects.put(self._key(name, keys.MANIFEST), body, "application/json")
        return manifest

    def names(self) -> list[str]:
        """Return the backups that are whole and signed by this installation, oldest first; others are logged."""
        there = [keys.backup_name(key) for key in self._keys(self.objects) if keys.is_manifest(key)]
        return [name for name in there if self._is_trusted(name)]

    def newest(self, now: str) -> str:
        """Return the name of the newest trusted backup, `now` being the name of one of this moment.

        One of a later name, made while a clock was ahead, is returned only where there is no other.
        Raises UntrustedBackup or StoreUnavailable without one.
        """
        trusted = self.names()
        if trusted:
            return (_until(trusted, now) or trusted)[-1]
        unsigned = self.unsigned()
        if unsigned:
            known = f"there are only backups without a signature: {', '.join(unsigned)}"
            raise UntrustedBackup(f"{known}. {WAY_OUT.format(name=unsigned[-1])}")
        raise StoreUnavailable(f"there is no backup in the bucket {self.objects.bucket}: `make backup` makes one")

    def unsigned(self) -> list[str]:
        """Return the backups of the time before they were signed, oldest first; anybody may have put them there."""
        return [keys.backup_name(key) for key in self._keys(self.older) if keys.is_manifest(key)]

    def manifest(self, name: str) -> Manifest:
        """Return what a backup holds. Raises UntrustedBackup where this installation did not sign it."""
        text = self._stored_manifest(self.objects, name)
        if text is not None:
            return verify(text, self.source, name, self.key)
        if self._stored_manifest(self.older, name) is not None:
            raise UntrustedBackup(f"backup {name} is not signed. {WAY_OUT.format(name=name)}")
        raise StoreUnavailable(f"there is no backup {name!r:.40}; there are: {', '.join(self.names()) or 'none'}")

    def fetch(self, name: str, folder: Path) -> dict[str, Path]:
        """Write a backup's files into a folder, each as its manifest says, and return them by part."""
        return self._fetch(self.objects, name, self.manifest(name), folder)

    def fetch_unsigned(self, name: str, folder: Path) -> dict[str, Path]:
        """Write the files of a backup without a signature into a folder: for a person who answers for it."""
        text = self._stored_manifest(self.older, name)
        if text is None:
            known = ", ".join(self.unsigned()) or "none"
            raise StoreUnavailable(f"there is no backup {name!r:.40} without a signature; there are: {known}")
        return self._fetch(self.older, name, read_unsigned(text, name), folder)

    def forget(self, keep: int, name: str) -> list[str]:
        """Delete all but the newest `keep` trusted backups up to one, and what was left half made before them.

        Return their names. Later ones, made while a clock was ahead, stay and do not count. Those without a signature
        in the data's bucket go once `keep` trusted ones are there.
        """
        newest = _until(self.names(), name)[-keep:]
        old = [key for key in self._keys(self.objects) if newest and keys.backup_name(key) < newest[0]]
        unsigned = self._keys(self.older) if len(newest) == keep and self.older != self.objects else []
        for objects, outdated in ((self.objects, old), (self.older, unsigned)):
            for key in sorted(outdated, key=lambda key: not keys.is_manifest(key)):  # first it is no backup any more
                objects.delete(key)
        return sorted({keys.backup_name(key) for key in (*old, *unsigned)})

    def _is_trusted(self, name: str) -> bool:
        try:
            self.manifest(name)
        except UntrustedBackup as error:
            log.warning("%s", error)
            return False
        return True

    def _fetch(self, objects: Objects, name: str, manifest: Manifest, folder: Path) -> dict[str, Path]:
        files = {part: folder / Path(part).name for part in manifest}
        for part, file in files.items():
            self._get_file(objects, name, part, manifest[part], file)
        return files

    def _get_file(self, objects: Objects, name: str, part: str, known: StoredFile, file: Path) -> None:
        key = self._key(name, part)
        objects.get_file(key, file)
        if digest(file) != known["sha256"]:
            raise StoreUnavailable(f"{objects.bucket}/{key} does not hold what was put there: do not rely on it")

    def _key(self, name: str, part: str) -> str:
        return keys.backup(self.source, name, part)

    def _keys(self, objects: Objects) -> list[str]:
        return objects.keys(keys.backups_folder(self.source)) if objects.has_bucket() else []

    def _stored_manifest(self, objects: Objects, name: str) -> bytes | None:
        return objects.get(self._key(name, keys.MANIFEST)) if objects.has_bucket() else None


def _until(names: list[str], last: str) -> list[str]:
    """Return the names up to a last one; the others are logged."""
    if later := [name for name in names if name > last]:
        log.warning("made while a clock was ahead: %s; `make restore NAME=…` takes one of them", ", ".join(later))
    return [name for name in names if name <= last]


def _describe(file: Path) -> StoredFile:
    return {"sha256": digest(file), "bytes": file.stat().st_size}


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
