"""Run the library's own command as the installation's programs run: with its settings and its secrets."""

import os
from collections.abc import Sequence

from local.current_installation import last
from local.secrets import keep_secrets, with_secrets
from local.servers.services import settings_environment
from local.supervisor.configuration import inherited
from local.supervisor.program import PYTHON
from stock_ml.config import load


def run(words: Sequence[str]) -> None:
    """Become `python -m stock_ml.cli`; where nothing was ever started, with the settings as they are."""
    s = last() or load()
    given = with_secrets(s, keep_secrets(s)) if s.state.exists() else s
    argv = [PYTHON, "-m", "stock_ml.cli", *words]
    os.execve(PYTHON, argv, inherited(os.environ) | settings_environment(given))
