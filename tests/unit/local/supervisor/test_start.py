"""A program that does not start is told soon, with what it said last."""

from pathlib import Path

import pytest

from local.supervisor.program import Program
from local.supervisor.start import StartAttempts, last_line, start
from local.supervisor.supervisor import ProcessInfo
from stock_ml.errors import HostError


def seen(state: str, began: int) -> ProcessInfo:
    return {"name": "one", "statename": state, "pid": 1, "start": began}


class Fake:
    """Give one state after another."""

    def __init__(self, *states: ProcessInfo) -> None:
        self.started: list[str] = []
        self._states = list(states)

    def start(self, name: str) -> None:
        self.started.append(name)

    def process(self, name: str) -> ProcessInfo:
        return self._states.pop(0)


def test_a_program_is_prepared_then_started_then_ready(tmp_path: Path) -> None:
    done: list[str] = []
    fake = Fake(seen("RUNNING", 5))
    start(Program("one", ("p",), lambda: True, prepare=lambda: done.append("prepared")), fake, tmp_path)
    assert (done, fake.started) == (["prepared"], ["one"])


def test_one_that_ends_again_and_again_is_told_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("begin\nno such option: --prot\n\n")
    attempts = StartAttempts("one", log)
    for state in (seen("BACKOFF", 10), seen("STARTING", 11), seen("BACKOFF", 11), seen("RUNNING", 13)):
        attempts.is_running(state)
    with pytest.raises(HostError, match=r"one ends as soon as it starts: no such option: --prot; .*NAME=one"):
        attempts.is_running(seen("EXITED", 13))


def test_one_that_ended_twice_and_then_stays_is_ready(tmp_path: Path) -> None:
    attempts = StartAttempts("one", tmp_path / "one.log")
    states = [seen("BACKOFF", 10), seen("BACKOFF", 11), *[seen("STARTING", 13)] * 5, seen("RUNNING", 13)]
    assert [attempts.is_running(state) for state in states] == [False] * 7 + [True]


def test_one_that_supervisord_gave_up_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="it said nothing"):
        StartAttempts("one", tmp_path / "one.log").is_running(seen("FATAL", 10))


def test_the_last_line_of_a_long_log_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("ä\n".encode() * 10_000 + b"the last\n \n")
    assert last_line(log) == "the last"
