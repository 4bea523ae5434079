"""What `.ci/run` installs, and which Python `.ci/oldest` tests.

Programs that change the machine are stubs.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.supervisor.program import ROOT

TOOLS = (
    "basename",
    "bash",
    "cat",
    "chmod",
    "dirname",
    "env",
    "git",
    "grep",
    "head",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sort",
)
RECORD = 'echo "$(basename "$0") $* CI=${CI:-}" >> "$CALLS"'
VERSION_PROBE = 'case "$2" in *python_version*) echo "%s";; esac'


class Machine:
    """A folder that is all of PATH. Calls of apt-get, make and sudo are recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        self.calls.touch()
        stubs = {"id": "echo 0", "tar": "cat", "apt-get": RECORD, "make": RECORD, "sudo": f'{RECORD}\nexec "$@"'}
        for name, script in (stubs | dict.fromkeys(("chromium", "setpriv", "python3"), "true")).items():
            self.put(f"bin/{name}", script)
        self.java("bin/java", 'openjdk version "17.0.15" 2025-04-15')
        for tool in TOOLS:
            (folder / "bin" / tool).symlink_to(str(shutil.which(tool)))

    def put(self, path: str, script: str) -> None:
        """Write a shell script."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def java(self, path: str, version: str) -> None:
        """Write a java that prints its version as the real one does."""
        self.put(path, f"echo '{version}' >&2")

    def run(self, script: str, **env: str) -> str:
        """Run a script of `.ci` and return its output."""
        env = {"PATH": f"{self.folder}/bin:{self.folder}/more", "CALLS": str(self.calls), **env}
        argv = [str(self.folder / "bin" / "bash"), str(ROOT / ".ci" / script)]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout

    def called(self, program: str) -> list[str]:
        """Return the recorded calls of a program."""
        return [call for call in self.calls.read_text().splitlines() if call.startswith(f"{program} ")]

    def installed(self) -> set[str]:
        """Return the packages installed, without Python 3.11: only one release of Debian has it."""
        words = " ".join(call.split(" install ")[-1] for call in self.called("apt-get") if " install " in call).split()
        return {word for word in words if not word.startswith(("-", "CI=", "python3.11"))}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that lacks nothing, run by root."""
    return Machine(tmp_path)


def test_a_complete_machine_gets_no_package_and_its_tests_know_that_they_run_in_ci(machine: Machine) -> None:
    machine.run("run")
    assert machine.installed() == set()
    assert machine.called("make") == ["make test CI=true", "make oldest CI=true"]


@pytest.mark.parametrize("version", ['openjdk version "11.0.2"', 'java version "1.8.0_391"', "no Java runtime present"])
def test_a_java_that_is_too_old_is_not_enough(machine: Machine, version: str) -> None:
    machine.java("bin/java", version)
    machine.run("run")
    assert machine.installed() == {"default-jre-headless"}


def test_a_java_of_java_home_is_enough(machine: Machine) -> None:
    machine.put("bin/java", "exit 1")
    machine.java("jdk/bin/java", 'openjdk version "21"')
    machine.run("run", JAVA_HOME=str(machine.folder / "jdk"))
    assert machine.installed() == set()


def test_what_is_missing_is_installed_with_sudo_unless_the_user_is_root(machine: Machine) -> None:
    (machine.folder / "bin" / "java").unlink()
    (machine.folder / "bin" / "chromium").unlink()
    machine.put("bin/python3", "exit 1")
    machine.run("run")
    assert machine.installed() == {"chromium", "default-jre-headless", "python3", "python3-venv"}
    assert machine.called("sudo") == []
    machine.put("bin/id", "echo 1000")
    machine.run("run")
    assert len(machine.called("sudo")) == 2


def test_the_oldest_python_of_several_is_used_in_a_copy(machine: Machine) -> None:
    machine.put("bin/python3.11", VERSION_PROBE % "3.11.1")
    machine.put("more/python3.11", VERSION_PROBE % "3.11.0")
    venv = "mkdir -p $2/.venv/bin; cp $(dirname $0)/pytest $2/.venv/bin/python"
    machine.put("bin/pytest", f"{RECORD}")
    machine.put("bin/make", f"{RECORD}\n{venv}")
    (machine.folder / "bin" / "cp").symlink_to(str(shutil.which("cp")))
    machine.run("oldest")
    (call,) = machine.called("make")
    assert call.split()[-3:-1] == [f"PYTHON={machine.folder}/more/python3.11", ".venv/dev"]
    [tests] = machine.called("python")
    assert tests.startswith("python -m pytest ")
    assert tests.endswith(" tests/unit CI=")
    assert not Path(call.split()[2]).exists()


def test_a_machine_without_python_3_11_is_no_failure(machine: Machine) -> None:
    assert "PATH has no python3.11 with venv" in machine.run("oldest")
    assert machine.called("make") == []
