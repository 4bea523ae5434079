"""Which ports would clash."""

from pathlib import Path

import pytest

from local.installation import describe
from local.ports import _conflict, check
from stock_ml.config import load
from stock_ml.errors import BadSetting, HostError


def test_no_two_programs_want_the_same_port(tmp_path: Path) -> None:
    ports = [port for p in describe(load(home=tmp_path)).programs for port in p.ports.values()]
    assert len(ports) == len(set(ports))


def test_every_port_of_a_program_is_a_setting(tmp_path: Path) -> None:
    names = {name for p in describe(load(home=tmp_path)).programs for name in p.ports}
    assert names == {name for name in load().__class__.model_fields if name.endswith("_port")}


def test_what_a_person_brings_is_not_started(tmp_path: Path) -> None:
    brought = {
        "kafka_servers": "k:9092",
        "s3_url": "http://s3",
        "mlflow_url": "http://m",
        "postgres_url": "postgresql://p",
    }
    names = {p.name for p in describe(load(home=tmp_path, **brought)).programs}
    assert not names & {"kafka", "s3", "mlflow", "postgres"}
    assert {"producer", "consumer", "dashboard", "airflow-scheduler"} <= names


def test_the_sandbox_exchange_runs_in_sandbox_mode_only(tmp_path: Path) -> None:
    s = load(home=tmp_path, source="alpha_vantage", alphavantage_api_key="k")
    assert "sandbox" not in {p.name for p in describe(s).programs}


def test_a_taken_port_is_told_with_the_setting_that_changes_it() -> None:
    assert _conflict(1, "kafka_port").startswith("port 1 is held by ")
    assert _conflict(1, "kafka_port").endswith("STOCKML_KAFKA_PORT changes it")


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_number_that_is_no_port_is_refused_by_name(port: str) -> None:
    with pytest.raises(BadSetting, match="STOCKML_KAFKA_PORT"):
        load(kafka_port=port)


def test_two_settings_that_name_one_port_are_refused_by_name(tmp_path: Path) -> None:
    programs = describe(load(home=tmp_path, dashboard_port=8604)).programs
    with pytest.raises(HostError, match=r"port 8604 .*STOCKML_KAFKA_PORT and STOCKML_DASHBOARD_PORT"):
        check(programs)


def test_the_port_of_a_part_that_is_not_started_may_be_named_again(tmp_path: Path) -> None:
    programs = describe(load(home=tmp_path, dashboard_port=8604, kafka_servers="k:9092")).programs
    ports = [port for p in programs for port in p.ports.values()]
    check(programs, own=ports)
