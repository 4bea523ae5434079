"""What supervisord is told."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from local.program import Program
from local.supervision import configuration
from stock_ml.errors import HostError


def parsed(programs: list[Program], state: Path) -> dict[str, Any]:
    """Let supervisord itself read the configuration; return each program's options by its name."""
    path = state / "supervisord.conf"
    path.write_text(configuration(programs, state, state / "socket"))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    return {group.name: group.process_configs[0] for group in options.process_group_configs}


def test_supervisord_reads_back_what_a_program_is(tmp_path: Path) -> None:
    env = {"PERCENT": "100%", "JSON": '{"a": "b, c=d"}', "EMPTY": ""}
    program = Program("one", ("prog", "two words", '"quoted"', "50%"), lambda: True, env=env, stop_signal="INT")
    found = parsed([program], tmp_path)["one"]
    assert tuple(shlex.split(found.command)) == program.argv
    assert found.environment == env
    assert found.stopsignal.name == "SIGINT"


def test_a_value_with_both_kinds_of_quotes_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="PASSWORD"):
        configuration([Program("one", ("p",), lambda: True, env={"PASSWORD": "\"'"})], tmp_path, tmp_path)
