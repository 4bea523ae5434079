"""Remember which installation was brought up last, with which settings, so that other commands mean the same one."""

import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from local.secrets import write_private
from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting, HostError

FILE = "current.json"


class _Home(BaseSettings):
    """Read where installations are kept, whatever the other settings say."""

    model_config = SettingsConfigDict(env_prefix="STOCKML_", env_file=".env", env_ignore_empty=True, extra="ignore")
    home: Path = Path(".stockml")


def remember(s: Settings) -> None:
    """Keep the settings, without secrets, as the current installation's."""
    write_private(s.home / FILE, s.model_dump_json(exclude={name for name, value in s if isinstance(value, SecretStr)}))


def last() -> Settings | None:
    """Return the settings of the installation that was brought up last, if there was one."""
    path = _Home().home / FILE
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text())
    try:
        return load(**kept)
    except BadSetting:  # a `.env` that is wrong by now, or another version's settings: it can be stopped all the same
        return Settings.model_construct(**kept | {"home": Path(kept["home"])})


def recall() -> Settings:
    """Return the settings of the installation that was brought up last.

    Raises HostError where there is none.
    """
    found = last()
    if found is None:
        raise HostError("nothing was ever started here: run `make up`")
    return found
