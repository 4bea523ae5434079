"""A program that does not start is told soon, with what it said last."""

from pathlib import Path
from typing import Any

import pytest

from local.supervisor.program import Program
from local.supervisor.start import Tries, last_line, start
from stock_ml.errors import HostError


def seen(state: str, began: int) -> dict[str, Any]:
    return {"statename": state, "start": began}


class Fake:
    """Tell one look after another."""

    def __init__(self, *looks: dict[str, Any]) -> None:
        self.started: list[str] = []
        self._looks = list(looks)

    def start(self, name: str) -> None:
        self.started.append(name)

    def look(self, name: str) -> dict[str, Any]:
        return self._looks.pop(0)


def test_a_program_is_prepared_then_started_then_ready(tmp_path: Path) -> None:
    done: list[str] = []
    fake = Fake(seen("RUNNING", 5))
    start(Program("one", ("p",), lambda: True, prepare=lambda: done.append("prepared")), fake, tmp_path)
    assert (done, fake.started) == (["prepared"], ["one"])


def test_one_that_ends_again_and_again_is_told_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("begin\nno such option: --prot\n\n")
    tries = Tries("one", log)
    for look in (seen("BACKOFF", 10), seen("STARTING", 11), seen("BACKOFF", 11), seen("RUNNING", 13)):
        tries.runs(look)
    with pytest.raises(HostError, match=r"one ends as soon as it starts: no such option: --prot; .*NAME=one"):
        tries.runs(seen("EXITED", 13))


def test_one_that_ended_twice_and_then_stays_is_ready(tmp_path: Path) -> None:
    tries = Tries("one", tmp_path / "one.log")
    looks = [seen("BACKOFF", 10), seen("BACKOFF", 11), *[seen("STARTING", 13)] * 5, seen("RUNNING", 13)]
    assert [tries.runs(look) for look in looks] == [False] * 7 + [True]


def test_one_that_supervisord_gave_up_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="it said nothing"):
        Tries("one", tmp_path / "one.log").runs(seen("FATAL", 10))


def test_the_last_line_of_a_long_log_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("ä\n".encode() * 10_000 + b"the last\n \n")
    assert last_line(log) == "the last"
