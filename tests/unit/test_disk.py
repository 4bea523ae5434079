import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stock_ml import disk
from stock_ml.errors import DiskFull


@pytest.mark.parametrize("number", disk.FULL)
def test_a_full_disk_is_told_with_its_place_and_what_to_do(number: int) -> None:
    with pytest.raises(DiskFull, match=r"/data/x .*serves on\. Free"), disk.space():
        raise OSError(number, os.strerror(number), "/data/x")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), disk.space():
        raise PermissionError(errno.EACCES, "no")


def test_what_another_program_says_of_a_full_disk_is_understood() -> None:
    with pytest.raises(DiskFull, match=r"java\.io\.IOException"):
        disk.check(RuntimeError("java.io.IOException: No space left on device"))
    disk.check(RuntimeError("java.io.IOException: broken pipe"))


def test_temporary_files_of_killed_processes_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    left = tmp_path / f"stockml-tmp-{int(killed.stdout)}-abcd_123"
    (left / "blockmgr").mkdir(parents=True)
    names = (f"{os.getppid()}-abcd_123", "mine", f"{int(killed.stdout)}-export", "x-abcd_123")
    others = [tmp_path / f"stockml-tmp-{name}" for name in names] + [tmp_path / "stockml-2026-03-export"]
    for other in others:
        other.mkdir()
    disk._temporary_folder.cache_clear()
    own = disk.temporary_folder()
    assert own.parent == tmp_path
    assert own.is_dir()
    assert own == disk.temporary_folder()
    assert not left.exists()
    assert all(other.exists() for other in others)
    disk._temporary_folder.cache_clear()


def test_what_a_folder_takes_is_counted_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for place in (tmp_path / "file", tmp_path / "below" / "file"):
        place.write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/nowhere")
    assert 200_000 <= disk.used_bytes(tmp_path) < 300_000
