"""What `make up` needs is away: told as an error of our own, with the log to read and without the password."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.airflow_client import Airflow, AirflowUnavailable
from local.servers import airflow, postgres_roles
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from tests.servers import settings_in


@pytest.fixture
def nowhere(tmp_path: Path) -> Settings:
    """Settings whose ports nobody listens on."""
    return settings_in(tmp_path)


def airflow_tables(s: Settings) -> None:
    airflow.migrate(s, dict.fromkeys(("AIRFLOW_FERNET_KEY", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET"), "x"))


@pytest.mark.parametrize("ask", [postgres_roles.ensure_roles, migrate, airflow_tables])
def test_a_database_that_is_away_is_told(nowhere: Settings, ask: Callable[[Settings], None]) -> None:
    mark = nowhere.state / "airflow" / "tables"
    mark.parent.mkdir()
    mark.touch()
    with pytest.raises(StoreUnavailable, match=f"{nowhere.postgres_port}|refused") as told:
        ask(nowhere)
    assert nowhere.postgres_password is not None
    assert nowhere.postgres_password.get_secret_value() not in str(told.value)


def test_an_airflow_that_is_away_is_told_with_its_log(nowhere: Settings) -> None:
    airflow = Airflow(nowhere, {"AIRFLOW_ADMIN_PASSWORD": "x"})
    with pytest.raises(AirflowUnavailable, match=r"does not answer: .*make logs NAME=airflow-api-server"):
        airflow.runs("train_model")
    assert not airflow.is_ready("train_model")
