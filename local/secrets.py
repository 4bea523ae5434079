"""Files that only their owner may read, and the secrets of an installation."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from stock_ml.config import Settings

S3_KEYS = ["s3_access_key", "s3_secret_key"]


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 in one step: a reader sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


KINDS: dict[str, Callable[[], str]] = {
    "STOCKML_POSTGRES_PASSWORD": secrets.token_hex,
    "STOCKML_S3_ACCESS_KEY": lambda: secrets.token_hex(10),
    "STOCKML_S3_SECRET_KEY": secrets.token_hex,
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(9),
    "AIRFLOW_VIEWER_PASSWORD": lambda: secrets.token_urlsafe(9),
    "AIRFLOW_FERNET_KEY": _fernet_key,
    "AIRFLOW_SECRET_KEY": secrets.token_hex,
    "AIRFLOW_JWT_SECRET": secrets.token_hex,
    "KAFKA_CLUSTER_ID": lambda: base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("="),
}


def keep_secrets(s: Settings) -> dict[str, str]:
    """Return the installation's secrets; those that it lacks are made and kept under its state folder, mode 0600."""
    path = s.state / "secrets.env"
    there = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
    kept = there | {name: make() for name, make in KINDS.items() if name not in there}
    if kept != there:
        write_private(path, "".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept


def with_secrets(s: Settings, kept: dict[str, str]) -> Settings:
    """Return the settings with the generated secrets of the servers that run here, where the person gave none."""
    names = (["postgres_password"] if s.postgres_url is None else []) + (S3_KEYS if s.s3_url is None else [])
    made = {name: SecretStr(kept[f"STOCKML_{name.upper()}"]) for name in names if getattr(s, name) is None}
    return s.model_copy(update=made)
