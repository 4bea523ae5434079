"""What makes `make up` start a program anew."""

import subprocess
from pathlib import Path

import pytest

from local.code_version import KINDS, version_of
from local.installation import CODE
from local.supervisor.program import ROOT

PLACES = ("code", "requirements.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "code" / "static" / "vendor").mkdir(parents=True)
    (tmp_path / "code" / "__pycache__").mkdir()
    (tmp_path / "code" / "a.py").write_text("1")
    (tmp_path / "requirements.txt").write_text("flask")
    return tmp_path


@pytest.mark.parametrize("name", ["code/a.py", "code/page.html", "code/static/x.js", "code/x.sql", "requirements.txt"])
def test_another_file_of_ours_is_another_version(root: Path, name: str) -> None:
    before = version_of(root, PLACES)
    (root / name).write_text("2")
    assert version_of(root, PLACES) != before


def test_another_name_is_another_version(root: Path) -> None:
    before = version_of(root, PLACES)
    (root / "code" / "a.py").rename(root / "code" / "b.py")
    assert version_of(root, PLACES) != before


@pytest.mark.parametrize("name", ["code/static/vendor/x.js", "code/__pycache__/x.py", "code/notes~", "other/a.py"])
def test_what_is_not_ours_or_elsewhere_changes_nothing(root: Path, name: str) -> None:
    before = version_of(root, PLACES)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("2")
    assert version_of(root, PLACES) == before


def test_every_kind_of_file_that_is_tracked_there_counts() -> None:
    listed = subprocess.run(["git", "ls-files", *CODE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {Path(name).suffix for name in listed.splitlines()} <= KINDS
