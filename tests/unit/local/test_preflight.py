"""What is said on a machine that lacks something, before anything is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.preflight import missing_requirement, same_python
from local.supervisor.program import ROOT
from tests.unit.adapters.host.test_jvm import put


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14), (4, 0)])
def test_a_python_that_is_too_old_or_too_new_is_told(version: tuple[int, int]) -> None:
    said = missing_requirement(version)
    assert said is not None
    assert said.startswith(f"Python 3.11 to 3.13 is needed, this is {version[0]}.{version[1]}. Debian: apt-get install")


def bare(**env: str) -> subprocess.CompletedProcess[str]:
    """Run the check as `make` does, with no installed package in reach."""
    argv = [sys.executable, "-I", "-S", "local/preflight.py"]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_with_the_standard_library_alone_a_java_of_java_home_passes(tmp_path: Path) -> None:
    done = bare(PATH="", JAVA_HOME=str(put(tmp_path, 'openjdk version "17.0.1"')))
    assert (done.returncode, done.stderr) == (0, "")


def test_no_java_is_told_in_one_line() -> None:
    done = bare(PATH="")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Java 17 or newer is needed and there is no java in PATH. "
        "Debian: apt-get install default-jre-headless; macOS: brew install openjdk@17"
    ]


def test_a_machine_without_python_is_told_the_command_that_installs_it(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    env = os.environ | {"LC_ALL": "C"}
    argv = ["make", "up", "PYTHON=python9.9"]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    first = done.stderr.splitlines()[0]
    assert first.startswith("there is no python9.9. Debian: apt-get install python3 python3-venv; macOS: brew install")


def is_same(folder: Path, home: str, version: str) -> bool:
    """Ask as `make` does whether an environment of this home and version was made by this Python."""
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = {home}\nversion = {version}\n")
    argv = [sys.executable, "-I", "-S", "local/preflight.py", str(folder)]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode == 0


def test_an_environment_of_another_python_is_known(tmp_path: Path) -> None:
    home = str(Path(sys._base_executable).parent)  # type: ignore[attr-defined]
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert same_python(Path(sys.prefix))
    assert is_same(tmp_path / "same", home, f"{here}.99")
    assert not is_same(tmp_path / "version", home, "3.8.1")
    assert not is_same(tmp_path / "place", "/opt/python/bin", f"{here}.1")
    assert not same_python(tmp_path / "absent")
