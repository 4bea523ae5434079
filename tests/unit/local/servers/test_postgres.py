"""PostgreSQL runs as another user than root, wherever the project stands."""

import subprocess
from pathlib import Path

from local.servers.postgres import as_no_root


def test_the_other_user_reaches_a_program_in_a_folder_that_only_root_may_enter(tmp_path: Path) -> None:
    program = tmp_path / "closed" / "program"
    program.parent.mkdir(mode=0o700)
    program.touch(mode=0o755)
    subprocess.run([*as_no_root(), "test", "-x", str(program)], check=True)


def test_the_other_user_is_not_root(tmp_path: Path) -> None:
    said = subprocess.run([*as_no_root(), "id", "-u"], check=True, capture_output=True, text=True)
    assert said.stdout.strip() != "0"
