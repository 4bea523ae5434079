"""What a killed supervisor left is found by its session, whatever the processes call themselves."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import orphans

# a session leader that leaves a child behind, and says both numbers
LEADER = "import os, subprocess; print(os.getpid(), subprocess.Popen(['sleep', '600'], stdout=-3).pid, flush=True)"


@pytest.fixture
def left() -> Iterator[tuple[int, int]]:
    """A dead leader's number, and its child that still runs."""
    said = subprocess.run([sys.executable, "-c", LEADER], start_new_session=True, stdout=subprocess.PIPE, check=True)
    leader, child = map(int, said.stdout.split())
    yield leader, child
    if psutil.pid_exists(child):
        os.kill(child, 9)


def test_the_children_of_a_dead_supervisor_are_ended(left: tuple[int, int], tmp_path: Path) -> None:
    leader, child = left
    (tmp_path / orphans.PID).write_text(str(leader))
    assert orphans.end(tmp_path) == 1
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_nothing_is_ended_where_the_number_belongs_to_a_living_process(tmp_path: Path) -> None:
    (tmp_path / orphans.PID).write_text(str(os.getsid(0)))
    assert orphans.end(tmp_path) == 0


def test_nothing_is_ended_where_the_machine_was_started_since(left: tuple[int, int], tmp_path: Path) -> None:
    leader, child = left
    (tmp_path / orphans.PID).write_text(str(leader))
    os.utime(tmp_path / orphans.PID, (0, 0))
    assert orphans.end(tmp_path) == 0
    assert psutil.pid_exists(child)


def test_nothing_is_ended_where_nothing_ever_ran(tmp_path: Path) -> None:
    assert orphans.end(tmp_path) == 0
