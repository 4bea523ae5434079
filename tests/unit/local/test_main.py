"""What a person sees of a command that goes wrong."""

import signal
import sys

import pytest

from local import __main__ as command
from stock_ml.errors import HostError


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["local", *words])
    return command.main()


def test_an_error_of_ours_is_one_line_and_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise HostError("port 1 is held by [another] program")

    monkeypatch.setattr(command, "recall", fail)
    assert run(monkeypatch, "down") == 1
    assert capsys.readouterr().err == "stopped: port 1 is held by [another] program\n"


def test_ctrl_c_is_one_line_and_the_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        # a test run in the background of a shell ignores SIGINT
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)

    monkeypatch.setattr(command, "recall", interrupt)
    assert run(monkeypatch, "down") == 130
    assert (
        capsys.readouterr().err.strip() == "interrupted: what runs goes on, `make up` continues, `make down` stops it"
    )


def test_an_unknown_command_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "dance") == 2


def test_help_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--help") == 0
