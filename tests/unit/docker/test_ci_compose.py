"""`make check` lets Compose read the file where there is a Compose, and says so where there is none."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.docker.compose import ROOT, VARIABLE, leaves, raw

COMPOSE = """#!/bin/sh
[ "$2" = version ] && exit 0
echo "$@"
cat "$3"
exit "$ENDS_WITH"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for PATH with the tools of the script and without docker."""
    for tool in ("sh", "cat", "rm", "mktemp", "dirname", "grep", "head", "od", "tr", "base64"):
        (tmp_path / tool).symlink_to(next(p for d in os.get_exec_path() if (p := Path(d, tool)).exists()))
    return tmp_path


def run(folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(folder), "TMPDIR": str(folder), "ENDS_WITH": str(code)}
    return subprocess.run([ROOT / ".ci" / "compose"], env=env, capture_output=True, text=True, check=False)


def test_without_compose_it_passes_and_says_that_nothing_was_read(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stdout.count("not read by Compose")) == (0, 1)


@pytest.mark.parametrize("code", [0, 15])
def test_compose_reads_the_file_with_every_secret_and_its_verdict_counts(folder: Path, code: int) -> None:
    (folder / "docker").write_text(COMPOSE)
    (folder / "docker").chmod(0o755)
    before = set(folder.iterdir())
    done = run(folder, code)
    command, *secrets = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (code, "")
    assert command.startswith("compose --env-file ")
    assert command.endswith(" config -q")
    needed = {m[1] for _, text in leaves(raw()) for m in VARIABLE.finditer(text) if m[1].startswith("STACK_")}
    assert {secret.split("=")[0] for secret in secrets} == needed
    assert set(folder.iterdir()) == before  # the secrets are gone
