"""A real supervisord: what programs inherit, what comes back, and what is told where something does not."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import psutil
import pytest

from local import probes
from local.supervisor.program import Program
from local.supervisor.start import start
from local.supervisor.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from stock_ml.config import Settings, load
from stock_ml.errors import HostError

TELL = "import os, time; print(sorted(k for k in os.environ if k.startswith('STOCKML_')), flush=True); time.sleep(600)"
FAIL = "raise SystemExit('no such topic')"


def program(name: str, code: str, **env: str) -> Program:
    return Program(name, (sys.executable, "-c", code), lambda: True, env=env)


@pytest.fixture
def s(tmp_path: Path) -> Settings:
    return load(home=tmp_path)


@pytest.fixture
def supervisor(s: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor of two programs, one of which cannot start; the shell that starts it has a setting."""
    monkeypatch.setenv("STOCKML_S3_URL", "http://old")
    one = Supervisor(s)
    one.load([program("steady", TELL), program("broken", FAIL)])
    yield one
    if one.is_up():
        one.stop(last=())


def test_a_program_inherits_no_setting_of_the_shell_that_started_supervisord(
    supervisor: Supervisor, s: Settings
) -> None:
    start(program("steady", TELL), supervisor, s.state)
    log = s.state / "logs" / "steady.log"
    probes.wait("a line", lambda: bool(log.read_text()), 20)
    assert log.read_text() == "[]\n"


def test_a_program_whose_settings_changed_is_stopped_and_started_with_them(supervisor: Supervisor, s: Settings) -> None:
    start(program("steady", TELL), supervisor, s.state)
    new = program("steady", TELL, STOCKML_WINDOW="20")
    supervisor.load([new])
    start(new, supervisor, s.state)
    assert (s.state / "logs" / "steady.log").read_text().splitlines()[-1] == "['STOCKML_WINDOW']"


def test_a_program_that_cannot_start_is_told_within_twenty_seconds(supervisor: Supervisor, s: Settings) -> None:
    begun = monotonic()
    with pytest.raises(HostError, match="broken ends as soon as it starts: no such topic; see `make logs NAME=broken`"):
        start(program("broken", FAIL), supervisor, s.state)
    assert monotonic() - begun < 20


def test_what_still_tries_to_start_can_be_changed_and_stopped(supervisor: Supervisor, s: Settings) -> None:
    supervisor.start("broken")
    mended = program("broken", TELL)
    supervisor.load([mended])
    start(mended, supervisor, s.state)
    assert [p["statename"] for p in supervisor.processes()] == ["RUNNING"]


def test_a_program_that_is_killed_comes_back_again_and_again(supervisor: Supervisor, s: Settings) -> None:
    start(program("steady", TELL), supervisor, s.state)
    for _ in range(5):
        pid = supervisor.process("steady")["pid"]
        os.kill(pid, signal.SIGKILL)
        probes.wait("another", lambda gone=pid: supervisor.process("steady")["pid"] not in (0, gone), 30)


def test_stopping_what_has_ended_already_is_no_error(supervisor: Supervisor, s: Settings) -> None:
    start(program("steady", TELL), supervisor, s.state)
    pid = supervisor.process("steady")["pid"]
    supervisor.stop(last=("steady",))
    assert not psutil.pid_exists(pid)
    assert supervisor.processes() == []


def test_one_program_is_stopped_before_all_others(supervisor: Supervisor, s: Settings) -> None:
    for name in ("late", "early"):
        supervisor.load([program("late", TELL), program("early", TELL)])
        start(program(name, TELL), supervisor, s.state)
    supervisor.stop(last=(), first="early")
    log = (s.state / "logs" / "supervisord.log").read_text()
    assert log.index("stopped: early") < log.index("stopped: late")


def test_what_supervisord_refuses_is_told_in_words(supervisor: Supervisor) -> None:
    with pytest.raises(SupervisorRefused, match="refuses startProcess nobody: BAD_NAME"):
        supervisor.start("nobody")


def test_a_supervisor_that_is_away_is_told_with_its_log(s: Settings) -> None:
    told = r"does not answer startProcess steady: .*make logs NAME=supervisord"
    with pytest.raises(SupervisorUnavailable, match=told):
        Supervisor(s).start("steady")


def test_a_supervisor_that_cannot_begin_says_why(s: Settings) -> None:
    with pytest.raises(HostError, match=r"supervisord did not start: .*not a valid signal"):
        Supervisor(s).load([Program("one", ("p",), lambda: True, stop_signal="NONE")])
