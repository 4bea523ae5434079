"""A command that fails is told by what it said last."""

import sys

import pytest

from local.commands import run_command, secret_line
from stock_ml.errors import HostError


def test_a_command_that_fails_is_raised_with_the_end_of_its_output() -> None:
    script = "import sys; print('x' * 2000); sys.exit('no such file')"
    with pytest.raises(HostError, match=r"^it failed: x+\nno such file$") as raised:
        run_command([sys.executable, "-c", script], "it failed")
    assert len(str(raised.value)) < 1100


def test_a_secret_is_read_from_the_input() -> None:
    with secret_line("the word") as line:
        run_command([sys.executable, "-c", "assert open('/dev/stdin').read() == 'the word\\n'"], "failed", stdin=line)


def test_a_command_that_succeeds_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    run_command([sys.executable, "-c", "print('done')"], "it failed")
    assert capfd.readouterr().out == ""
