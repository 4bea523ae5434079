"""What a killed supervisor left is found by its session, whatever the processes call themselves."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.supervisor import orphans
from local.supervisor.program import ROOT

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


def test_what_a_supervisor_left_that_was_stopped_is_ended_too(left: tuple[int, int], tmp_path: Path) -> None:
    leader, child = left
    (tmp_path / orphans.PID).write_text(str(leader))
    was = orphans.leader(tmp_path)
    (tmp_path / orphans.PID).unlink()  # as it does when it stops
    assert orphans.end(tmp_path, was) == 1
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert orphans.leader(tmp_path) is None


def test_nothing_is_ended_where_the_number_belongs_to_a_living_process(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        (tmp_path / orphans.PID).write_text(str(other.pid))
        assert orphans.end(tmp_path) == 0
        assert other.poll() is None
        other.kill()


# a session leader that ends while its child goes on, and asks for the session's end there
LEADERLESS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
os._exit(0)
"""
ASKS = """
import os, sys
from pathlib import Path
from local.supervisor import orphans
leader = os.getsid(0)
while os.getppid() == leader:
    os.sched_yield()
(Path(sys.argv[1]) / orphans.PID).write_text(str(leader))
print(orphans.end(Path(sys.argv[1])), flush=True)
"""


def test_our_own_session_is_never_ended_though_its_leader_is_gone(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LEADERLESS, ASKS, str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"0\n"


def test_nothing_is_ended_where_the_machine_was_started_since(left: tuple[int, int], tmp_path: Path) -> None:
    leader, child = left
    (tmp_path / orphans.PID).write_text(str(leader))
    os.utime(tmp_path / orphans.PID, (0, 0))
    assert orphans.end(tmp_path) == 0
    assert psutil.pid_exists(child)


def test_nothing_is_ended_where_nothing_ever_ran(tmp_path: Path) -> None:
    assert orphans.end(tmp_path) == 0
