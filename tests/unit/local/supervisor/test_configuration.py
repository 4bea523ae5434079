"""What supervisord is told."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from local.secrets import ensure_secrets
from local.servers import kafka
from local.servers.services import environment
from local.supervisor.configuration import configuration, inherited
from local.supervisor.program import Program
from stock_ml.config import Settings, load
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


def test_a_broker_whose_ports_change_is_another_program_so_that_it_starts_anew(tmp_path: Path) -> None:
    secrets = ensure_secrets(load(home=tmp_path))
    one, other = (kafka.program(load(home=tmp_path, kafka_controller_port=port), secrets) for port in (9001, 9002))
    assert configuration([one], tmp_path, tmp_path) != configuration([other], tmp_path, tmp_path)


def test_no_setting_of_the_first_shell_reaches_a_program() -> None:
    old = ("STOCKML_S3_URL", "ALPHAVANTAGE_API_KEY", "AIRFLOW__CORE__EXECUTOR", "MLFLOW_TRACKING_URI", "AWS_PROFILE")
    assert inherited(dict.fromkeys(old, "old") | {"HOME": "/home/me", "LANG": "C"}) == {"HOME": "/home/me", "LANG": "C"}


def test_a_program_is_given_exactly_the_present_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    s = load(home=tmp_path, window=20, exchanges="VOD:XLON,SAP:XETR", closures="XNYS:2018-12-05,XLON:2020-01-02T13:00")
    monkeypatch.setenv("STOCKML_S3_URL", "http://old")
    for name, value in environment(s).items():
        monkeypatch.setenv(name, value)
    assert load() == s.model_copy(update={"jars": s.jars.resolve()})


def test_a_program_runs_where_no_file_of_settings_is(tmp_path: Path) -> None:
    folder = Path(parsed([Program("one", ("p",), lambda: True)], tmp_path)["one"].directory)
    assert folder.is_dir()
    assert not (folder / str(Settings.model_config["env_file"])).exists()
