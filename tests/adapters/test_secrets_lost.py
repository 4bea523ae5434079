"""Secrets that are lost or changed: the data stay, and the superuser gets the installation's password."""

from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from local.secrets import ensure_secrets, with_secrets
from local.servers import postgres, postgres_roles
from stock_ml.adapters.postgres.connection import admin_connection
from stock_ml.cli.installation import SECRETS
from stock_ml.config import Settings
from stock_ml.errors import HostError
from tests.servers import running, settings_in


def with_new_secrets(s: Settings) -> Settings:
    """Return the settings after the file of secrets was lost."""
    (s.state / SECRETS).unlink()
    lost = s.model_copy(update={name: None for name in type(s).model_fields if name.endswith("_password")})
    return with_secrets(lost, ensure_secrets(lost))


def test_lost_secrets_are_made_anew_and_the_data_stay(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    with running(postgres.program(s), s):
        postgres_roles.ensure_roles(s)
        with admin_connection(s, "stockml") as connection:
            connection.execute("create table kept as select 1 as a")
    new = with_new_secrets(s)
    with running(postgres.program(new), new):
        postgres_roles.ensure_roles(new)
        with admin_connection(new, "stockml") as connection:
            assert connection.execute("select a from kept").fetchall() == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(s.postgres("postgres"), connect_timeout=5)


def test_a_password_with_a_quote_is_taken_too(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    with running(postgres.program(s), s):
        pass
    changed = s.model_copy(update={"postgres_password": SecretStr("it's; drop")})
    with running(postgres.program(changed), changed):
        assert postgres.answers(changed)


def test_where_the_server_runs_with_other_secrets_a_person_is_told_to_stop_it(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    with running(postgres.program(s), s):
        program = postgres.program(with_new_secrets(s))
        with pytest.raises(HostError, match=r"another password.*make down"):
            program.prepare()
