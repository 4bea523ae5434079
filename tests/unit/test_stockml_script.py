"""`./stockml` runs in its checkout, and relative paths are those of the caller's folder."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from local.supervisor.program import ROOT
from stock_ml.config import CALLED_IN, Settings

PATHS = sorted(f"STOCKML_{name.upper()}" for name, f in Settings.model_fields.items() if "Path" in str(f.annotation))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script, whose Python prints its folder, a variable, and its arguments."""
    (there := tmp_path / "check out" / ".venv" / "bin").mkdir(parents=True)
    (there / "python").write_text(
        '#!/bin/sh\npwd\necho "${STOCKML_CSV_PATH:-}"\necho "$@"\necho "$STOCKML_CALLED_IN"\n'
    )
    (there / "python").chmod(0o755)
    (tmp_path / "check out" / "Makefile").write_text(".venv/ready:\n")
    (tmp_path / "check out" / "stockml").write_bytes((ROOT / "stockml").read_bytes())
    return tmp_path / "check out"


def run(checkout: Path, folder: Path, **env: str) -> list[str]:
    argv = ["sh", str(checkout / "stockml"), "data", "report", "IBM"]
    done = subprocess.run(argv, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_command_runs_in_the_checkout_with_its_arguments(checkout: Path, tmp_path: Path) -> None:
    assert run(checkout, tmp_path) == [str(checkout), "", "-m stock_ml.cli data report IBM", str(tmp_path)]


@pytest.mark.parametrize(
    ("given", "read"), [("bars.csv", "{}/bars.csv"), ("../b c.csv", "{}/../b c.csv"), ("/b.csv", "/b.csv")]
)
def test_a_relative_path_is_the_callers(checkout: Path, tmp_path: Path, given: str, read: str) -> None:
    assert run(checkout, tmp_path, STOCKML_CSV_PATH=given)[1] == read.format(tmp_path)


def test_every_setting_that_is_a_path_is_named() -> None:
    assert re.findall(r"STOCKML_\w+", (ROOT / "stockml").read_text()) == [*PATHS, CALLED_IN]
