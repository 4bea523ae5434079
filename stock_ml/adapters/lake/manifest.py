"""The manifest of a backup: what it holds, signed with the installation's key (HMAC-SHA256).

Whoever may write to the bucket can put files there, with digests that fit. Only who has the key can
sign. Name and source are signed too: another name makes an old backup no newer one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import TypedDict

import msgspec

from stock_ml.errors import UntrustedBackup


class StoredFile(TypedDict):
    """Hold the digest and the size of a file of a backup."""

    sha256: str
    bytes: int


Manifest = dict[str, StoredFile]  # by the name of the part


class _Content(msgspec.Struct):
    source: str
    name: str
    files: Manifest


class _Signed(msgspec.Struct):
    content: str  # JSON as text, so that exactly these bytes are signed
    hmac_sha256: str


def sign(manifest: Mapping[str, StoredFile], source: str, name: str, key: str) -> bytes:
    """Return the manifest of a backup as it is stored."""
    content = msgspec.json.encode(_Content(source, name, dict(manifest)))
    return msgspec.json.encode(_Signed(content.decode(), _signature(content, key)))


def verify(stored: bytes, source: str, name: str, key: str) -> Manifest:
    """Return what a stored manifest says.

    Raises UntrustedBackup where it is unsigned, or not signed with this key for this source and name.
    """
    try:
        signed = msgspec.json.decode(stored, type=_Signed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UntrustedBackup(f"backup {name} is not signed. {WAY_OUT.format(name=name)}") from None
    content = signed.content.encode()
    if not hmac.compare_digest(_signature(content, key).encode(), signed.hmac_sha256.encode()):
        raise UntrustedBackup(
            f"backup {name} is signed with another key, or was changed. If another installation of yours made it, give "
            "its key as STOCKML_BACKUP_KEY; else do not use it"
        )
    held = msgspec.json.decode(content, type=_Content)
    if (held.source, held.name) != (source, name):
        problem = f"what is stored as backup {name} of source {source} is backup {held.name} of source {held.source}"
        raise UntrustedBackup(f"{problem}: somebody copied it, do not use it")
    return held.files


def read_unsigned(stored: bytes, name: str) -> Manifest:
    """Return what a manifest says that was stored before manifests were signed. Raises UntrustedBackup."""
    try:
        return msgspec.json.decode(stored, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UntrustedBackup(
            f"the manifest of backup {name} cannot be read: it is no backup of an older version"
        ) from None


WAY_OUT = (
    "`make backup` makes a signed one of what the databases hold now. Only if you know that this one is yours, of the "
    "time before backups were signed: `./stockml sign-backup {name}`"
)


def _signature(content: bytes, key: str) -> str:
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
