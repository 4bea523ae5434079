"""A digest of a program's code: the program is restarted where it changes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

KINDS = frozenset({".py", ".html", ".css", ".js", ".svg", ".json", ".sql", ".mako", ".yaml", ".txt", ".typed"})
EXCLUDED = frozenset({"vendor", "__pycache__"})


def version_of(root: Path, places: tuple[str, ...]) -> str:
    """Return a digest of the names and bytes of every file of ours at these places, folders or files."""
    digest = hashlib.sha256()
    for file in sorted(file for place in places for file in _files(root / place)):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()[:12]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for file in place.rglob("*"):
        if file.suffix in KINDS and not EXCLUDED & set(file.relative_to(place).parts) and file.is_file():
            yield file
