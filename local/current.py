"""Remember which installation was brought up last, with which settings, so that other commands mean the same one."""

import json
from typing import Any

from local.private import write_private
from stock_ml.config import Settings, load
from stock_ml.errors import HostError

FILE = "current.json"
SECRET = ("alphavantage_api_key", "postgres_url", "s3_access_key", "s3_secret_key", "postgres_password")


def remember(s: Settings) -> None:
    """Keep the settings, without secrets, as the current installation's."""
    write_private(s.home / FILE, s.model_dump_json(exclude=set(SECRET), exclude_none=True))


def recall() -> Settings:
    """Return the settings of the installation that was brought up last.

    Raises HostError where there is none.
    """
    path = load(source="sandbox").home / FILE
    if not path.exists():
        raise HostError("nothing was ever started here: run `make up`")
    kept: dict[str, Any] = json.loads(path.read_text())
    return load(**kept)
