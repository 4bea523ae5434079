"""Who logs in to MLflow as whom."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from local.secrets import ensure_secrets, with_secrets
from local.servers.services import programs
from stock_ml.config import load


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ({}, None),
        ({"mlflow_username": "me"}, None),
        ({"mlflow_password": "w"}, ("admin", "w")),
        ({"mlflow_password": "w", "mlflow_username": "me"}, ("me", "w")),
        ({"mlflow_reader_password": "r"}, ("reader", "r")),
        ({"mlflow_password": "w", "mlflow_reader_password": "r"}, ("admin", "w")),
    ],
)
def test_a_process_logs_in_as_who_may_do_most_of_those_whose_password_it_has(
    given: dict[str, str], login: tuple[str, str] | None
) -> None:
    assert load(**given).mlflow_login == login


def test_a_brought_server_gets_the_login_of_the_person_and_none_of_ours(tmp_path: Path) -> None:
    s = load(home=tmp_path, mlflow_url="https://mlflow.example")
    assert with_secrets(s, ensure_secrets(s)).mlflow_login is None
    mine = s.model_copy(update={"mlflow_password": SecretStr("mine")})
    assert with_secrets(mine, ensure_secrets(s)).mlflow_login == ("admin", "mine")


def passwords(**given: object) -> dict[str, list[str]]:
    """Return the passwords of MLflow that each live service gets."""
    s = load(source="sandbox", **given)
    filled = with_secrets(s, ensure_secrets(s))
    names = ("mlflow_password", "mlflow_reader_password")
    return {p.name: [n for n in names if p.env[f"STOCKML_{n.upper()}"]] for p in programs(filled)}


def test_of_the_live_services_those_that_read_the_registry_have_the_readers_password_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    reader = ["mlflow_reader_password"]
    assert passwords(home=tmp_path) == {"sandbox": [], "producer": reader, "consumer": reader, "dashboard": []}
    brought = passwords(home=tmp_path / "b", mlflow_url="https://mlflow.example", mlflow_password="mine")
    mine = ["mlflow_password"]
    assert brought == {"sandbox": [], "producer": mine, "consumer": mine, "dashboard": []}
