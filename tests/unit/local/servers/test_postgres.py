"""PostgreSQL runs as a user of its own without any right of root's, wherever its data lie."""

import os
import subprocess
from pathlib import Path

import pytest

from local.servers.postgres_user import HERE, NOBODY, USER, give, idle_account, in_folder, is_open, owner
from tests.other_user import open_folder

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
CAT = Path("/bin/cat")


def run(folder: Path, program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program on a data folder as PostgreSQL runs there."""
    argv = [word for word in in_folder(folder, program) if word not in ("-D", HERE)]
    return subprocess.run([*argv, *words], capture_output=True, text=True, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder below one that only root may enter."""
    folder = tmp_path / "closed" / "data"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "PG_VERSION").write_text("18")
    (folder / "PG_VERSION").chmod(0o600)
    folder.parent.chmod(0o700)
    return folder


@root
def test_it_reaches_its_data_and_nothing_else_and_has_no_right_of_root(data: Path) -> None:
    (data.parent / "secret").write_text("of root alone")
    give(data)
    assert run(data, CAT, f"{HERE}/PG_VERSION").stdout == "18"
    assert "Permission denied" in run(data, CAT, data.parent / "secret").stderr
    status = run(data, CAT, "/proc/self/status").stdout
    assert [line.split()[1] for line in status.splitlines() if line.startswith("Uid")] == [str(USER)]
    rights = {line.split()[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")}
    assert (rights["CapPrm:"], rights["CapEff:"], rights["CapAmb:"]) == (0, 0, 0)


@root
def test_data_that_nobody_owned_are_given_to_the_user(data: Path) -> None:
    for path in (data, data / "PG_VERSION"):
        os.chown(path, NOBODY, NOBODY)
    give(data)
    assert (owner(data), owner(data / "PG_VERSION")) == (USER, USER)


@root
def test_a_link_in_the_data_gives_nothing_else_away(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    (data / "link").symlink_to(tmp_path / "other")
    give(data)
    assert owner(tmp_path / "other") == 0


@root
def test_programs_in_a_folder_that_only_root_may_enter_may_be_read_and_nothing_is_written(data: Path) -> None:
    program = data.parent / "cat"
    program.write_bytes(CAT.read_bytes())
    program.chmod(0o755)
    give(data)
    assert not is_open(program)
    assert run(data, program, f"{HERE}/PG_VERSION").stdout == "18"
    touch = data.parent / "touch"
    touch.write_bytes(Path("/usr/bin/touch").read_bytes())
    touch.chmod(0o755)
    assert "Permission denied" in run(data, touch, data.parent / "mine").stderr


def test_a_program_is_open_where_every_user_may_run_it() -> None:
    with open_folder() as folder:
        program = folder / "postgres"
        program.touch(mode=0o700)
        assert not is_open(program)
        program.chmod(0o755)
        assert is_open(program)


def test_the_account_that_makes_the_data_is_neither_root_nor_one_that_is_in_use() -> None:
    assert idle_account() not in (0, os.geteuid(), USER)
