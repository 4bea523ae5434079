"""Fetch Highcharts with npm: it is not open source, so it is no part of the repository."""

import hashlib
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from local.commands import run_command
from local.supervisor.program import BIN, PYTHON, ROOT
from stock_ml.errors import HostError

DASHBOARD = ROOT / "serving" / "dashboard"
NODE = ROOT / "local" / "locks" / "nodejs.txt"  # npm for a machine that has none
PINNED = DASHBOARD / "highcharts.json"
VENDOR = DASHBOARD / "static" / "vendor" / "highcharts"


def fetch() -> None:
    """Put the pinned files where the dashboard serves them, unless they are there.

    Raises HostError where they cannot be had, or are not the pinned ones.
    """
    pinned = json.loads(PINNED.read_text())
    if all(_is_right(VENDOR / name, digest) for name, digest in pinned["files"].items()):
        return
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(_pack(pinned["version"], Path(scratch))) as archive:
        for name, digest in pinned["files"].items():
            _store(read(archive, name), VENDOR / name, digest)


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Read one file of a package that npm packed.

    Nothing is written, so that an archive can put no file elsewhere. Raises HostError where the package lacks the file.
    """
    try:
        member = archive.extractfile(f"package/{name}")
    except KeyError:
        member = None
    if member is None:
        raise HostError(f"highcharts has no file {name}: correct serving/dashboard/highcharts.json, which pins it")
    return member.read()


def _is_right(file: Path, digest: str) -> bool:
    return file.exists() and _is_pinned(file.read_bytes(), digest)


def _is_pinned(content: bytes, digest: str) -> bool:
    return hashlib.sha256(content).hexdigest() == digest


def _pack(version: str, scratch: Path) -> Path:
    argv = [*_npm(), "pack", "--silent", f"highcharts@{version}"]
    run_command(argv, f"npm could not fetch highcharts {version}", cwd=scratch)
    return next(scratch.glob("*.tgz"))


def _npm() -> list[str]:
    found = shutil.which("npm") or shutil.which("npm", path=BIN)
    if found is None:
        _install_npm()
    return [found or str(BIN / "npm")]


def _install_npm() -> None:
    argv = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", PYTHON]
    argv += ["--require-hashes", "--requirement", str(NODE)]
    run_command(argv, f"there is no npm, and what {NODE.name} locks could not be installed")


def _store(content: bytes, place: Path, digest: str) -> None:
    if not _is_pinned(content, digest):
        raise HostError(f"{place.name} of highcharts is not the one pinned in serving/dashboard/highcharts.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
