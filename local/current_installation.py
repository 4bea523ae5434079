"""Remember which installation was brought up last, with which settings, so that other commands mean the same one."""

from pathlib import Path

from pydantic import SecretStr

from local.secrets import write_private
from stock_ml.cli.installation import CURRENT, last
from stock_ml.config import Settings
from stock_ml.errors import HostError


def remember(s: Settings) -> None:
    """Keep the settings, without secrets, as the current installation's; its paths hold from any folder."""
    whole = s.model_copy(update={name: value.absolute() for name, value in s if isinstance(value, Path)})
    secret = {name for name, value in s if isinstance(value, SecretStr)}
    write_private(s.home / CURRENT, whole.model_dump_json(exclude=secret))


def recall() -> Settings:
    """Return the settings of the installation that was brought up last.

    Raises HostError where there is none.
    """
    found = last()
    if found is None:
        raise HostError("nothing was ever started here: run `make up`")
    return found
