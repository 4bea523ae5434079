"""Remember which installation was brought up last, with which settings, so that other commands mean the same one."""

import json
from typing import Any

from pydantic import SecretStr

from local.private import write_private
from stock_ml.config import Settings, load
from stock_ml.errors import HostError

FILE = "current.json"


def remember(s: Settings) -> None:
    """Keep the settings, without secrets, as the current installation's."""
    write_private(s.home / FILE, s.model_dump_json(exclude={name for name, value in s if isinstance(value, SecretStr)}))


def last() -> Settings | None:
    """Return the settings of the installation that was brought up last, if there was one."""
    path = load(source="sandbox").home / FILE
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text())
    return load(**kept)


def recall() -> Settings:
    """Return the settings of the installation that was brought up last.

    Raises HostError where there is none.
    """
    found = last()
    if found is None:
        raise HostError("nothing was ever started here: run `make up`")
    return found
