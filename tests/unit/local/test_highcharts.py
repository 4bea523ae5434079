"""Highcharts comes out of the archive of npm with the pinned bytes, whatever the version of Python."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local import highcharts
from stock_ml.errors import HostError

CHART, MODULE = b"the pinned chart", b"the pinned module"
FILES = {"chart.js": CHART, "modules/one.js": MODULE}


def pack(place: Path, files: Mapping[str, bytes]) -> None:
    """Write the archive that `npm pack` would write."""
    with tarfile.open(place, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pin two files, and return the archive that a stand-in for npm packs."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    (tmp_path / "pinned.json").write_text(json.dumps({"version": "1.0.0", "files": digests}))
    monkeypatch.setattr(highcharts, "PINNED", tmp_path / "pinned.json")
    monkeypatch.setattr(highcharts, "VENDOR", tmp_path / "vendor")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n/bin/cp '{tmp_path / 'packed'}' highcharts-1.0.0.tgz\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return tmp_path / "packed"


def vendored(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_pinned_files_and_no_others_are_stored(npm: Path, tmp_path: Path) -> None:
    pack(npm, FILES | {"LICENSE.md": b"not needed", "../../outside.js": b"hostile"})
    highcharts.fetch()
    assert vendored(tmp_path / "vendor") == FILES
    assert not list(tmp_path.rglob("outside.js"))


def test_a_damaged_file_is_replaced(npm: Path, tmp_path: Path) -> None:
    pack(npm, FILES)
    highcharts.fetch()
    (tmp_path / "vendor" / "chart.js").write_bytes(CHART[:-1])
    highcharts.fetch()
    assert vendored(tmp_path / "vendor") == FILES


def test_files_that_are_present_need_no_npm(npm: Path) -> None:
    pack(npm, FILES)
    highcharts.fetch()
    npm.unlink()
    highcharts.fetch()


def test_other_bytes_are_refused_by_name(npm: Path, tmp_path: Path) -> None:
    pack(npm, FILES | {"chart.js": b"others"})
    with pytest.raises(HostError, match=r"chart\.js of highcharts is not the one pinned"):
        highcharts.fetch()
    assert not (tmp_path / "vendor" / "chart.js").exists()


def test_a_failure_of_npm_is_reported(npm: Path) -> None:
    with pytest.raises(HostError, match=r"npm could not fetch highcharts 1\.0\.0: .*packed"):
        highcharts.fetch()


class FirstTarFile(tarfile.TarFile):
    """Refuse the keyword `filter` as Python 3.11.0 to 3.11.3 do."""

    def extract(self, member: Any, path: Any = "", set_attrs: bool = True, *, numeric_owner: bool = False) -> None:
        super().extract(member, path, set_attrs, numeric_owner=numeric_owner)

    def extractall(self, path: Any = ".", members: Any = None, *, numeric_owner: bool = False) -> None:
        super().extractall(path, members, numeric_owner=numeric_owner)  # noqa: S202 - the old signature is the point


def test_a_file_is_read_without_the_filters_of_newer_pythons(tmp_path: Path) -> None:
    pack(tmp_path / "packed", FILES)
    with FirstTarFile.open(tmp_path / "packed") as archive:
        assert highcharts.read(archive, "modules/one.js") == MODULE


@pytest.mark.parametrize("name", ["absent.js", "modules"])
def test_what_is_no_file_of_the_package_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "packed", "w:gz") as archive:
        folder = tarfile.TarInfo("package/modules")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    with FirstTarFile.open(tmp_path / "packed") as archive, pytest.raises(HostError, match=f"no file {name}"):
        highcharts.read(archive, name)
