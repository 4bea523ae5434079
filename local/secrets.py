"""Files that only their owner may read, and the secrets of an installation."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from stock_ml.cli.installation import POSTGRES_PASSWORDS, SECRETS, read_secrets, with_secrets
from stock_ml.config import Settings
from stock_ml.errors import HostError

# the command `stockml` reads secrets, and only this package makes them
__all__ = ["LOST", "are_lost", "ensure_secrets", "make_private_folder", "with_secrets", "write_private"]
# SeaweedFS signs requests among its own servers with these keys, and refuses those without. The keys
# differ because its master signs tokens with the first one for everybody who reaches its gRPC port.
SEAWEED_KEYS = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)
LOST = (
    "secrets.env is gone: new passwords and keys are made, and the data stay. `./stockml sign-backup NAME` takes a "
    "backup of before over. Enter again what Airflow encrypted for you: variables and connections of your own."
)


def are_lost(s: Settings) -> bool:
    """Say whether there are data that the secrets were made with, and no secrets."""
    return not (s.state / SECRETS).exists() and (s.state / "postgres").exists()


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, or take the right from others where it is there.

    Raises HostError where that cannot be done.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        problem = f"the folder {folder} cannot be made, or be made private: {error.strerror}"
        raise HostError(f"{problem}; STOCKML_HOME names another") from error


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 in one step: a reader sees the old text or the new."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


KINDS: dict[str, Callable[[], str]] = {
    **dict.fromkeys((f"STOCKML_{name.upper()}" for name in POSTGRES_PASSWORDS), secrets.token_hex),
    "STOCKML_S3_ACCESS_KEY": lambda: secrets.token_hex(10),
    "STOCKML_S3_SECRET_KEY": secrets.token_hex,
    "STOCKML_BACKUP_KEY": secrets.token_hex,
    "STOCKML_KAFKA_PASSWORD": secrets.token_hex,
    "KAFKA_BROKER_PASSWORD": secrets.token_hex,
    "STOCKML_MLFLOW_PASSWORD": lambda: secrets.token_urlsafe(9),
    "STOCKML_MLFLOW_READER_PASSWORD": secrets.token_hex,
    "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex,
    **dict.fromkeys(SEAWEED_KEYS, secrets.token_hex),
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(9),
    "AIRFLOW_VIEWER_PASSWORD": lambda: secrets.token_urlsafe(9),
    "AIRFLOW_FERNET_KEY": _fernet_key,
    "AIRFLOW_SECRET_KEY": secrets.token_hex,
    "AIRFLOW_JWT_SECRET": secrets.token_hex,
    "KAFKA_CLUSTER_ID": lambda: base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("="),
}


def ensure_secrets(s: Settings) -> dict[str, str]:
    """Return the installation's secrets; those that it lacks are made and kept under its state folder, mode 0600."""
    there = read_secrets(s)
    kept = there | {name: make() for name, make in KINDS.items() if name not in there}
    if kept != there:
        write_private(s.state / SECRETS, "".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept
