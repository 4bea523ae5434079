"""Find the installation that `make up` started, so that every command means the same one."""

import json
import os
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from stock_ml.config import Settings, load, load_stored
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import BadSetting

CURRENT, SECRETS = "current.json", "secrets.env"  # written by `make up`
S3_KEYS = ["s3_access_key", "s3_secret_key"]
POSTGRES_PASSWORDS = [
    "postgres_password",
    "postgres_airflow_password",
    "postgres_mlflow_password",
    "postgres_stockml_password",
    "postgres_reader_password",
]
MLFLOW_PASSWORDS = ["mlflow_password", "mlflow_reader_password"]


class _Home(BaseSettings):
    """Read where installations are kept, whatever the other settings say."""

    model_config = SettingsConfigDict(env_prefix="STOCKML_", env_file=".env", env_ignore_empty=True, extra="ignore")
    home: Path = Path(".stockml")


def settings() -> Settings:
    """Return the settings and secrets of the last installation; without one, the settings of the environment.

    Raises BadSetting where there is no installation and a variable is wrong.
    """
    s = last() or load()
    given = with_secrets(s, read_secrets(s))
    if given.s3_access_key is not None:
        os.environ.pop("AWS_PROFILE", None)  # boto3 refuses an unknown profile even where it is given keys
    return given


def last() -> Settings | None:
    """Return the settings of the installation that was started last, None where there is none."""
    home = _Home().home
    path = home / CURRENT
    if not path.exists():
        return None
    stored: JsonObject = json.loads(path.read_text()) | {"home": home}
    try:
        return load_stored(**stored)
    except BadSetting:  # a `.env` that is wrong by now, or another version's settings: it can be stopped all the same
        return Settings.model_construct(**stored)


def read_secrets(s: Settings) -> dict[str, str]:
    """Return the secrets of the installation by the name of their variable; none where it was never started."""
    path = s.state / SECRETS
    return dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}


def with_secrets(s: Settings, secrets: dict[str, str]) -> Settings:
    """Return the settings with the generated secrets, those of local servers included, where the person gave none."""
    servers = (POSTGRES_PASSWORDS if s.postgres_url is None else []) + (S3_KEYS if s.s3_url is None else [])
    servers += ["kafka_password"] if s.kafka_servers is None else []
    servers += MLFLOW_PASSWORDS if s.mlflow_url is None else []
    names = ["backup_key", *servers]
    given = {name: secrets.get(f"STOCKML_{name.upper()}") for name in names if getattr(s, name) is None}
    return s.model_copy(update={name: SecretStr(value) for name, value in given.items() if value is not None})
