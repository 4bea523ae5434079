"""Delete for good what lies in MLflow's "Deleted" since long, by MLflow's own command `mlflow gc`."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable

RAISED = re.compile(r"[\w.]+(Error|Exception): ")
HOURS = 1  # at most; what is left then goes the next night
DATABASE = "postgresql+psycopg2://"  # the rest is in PGHOST and its like: other users may read arguments


def collect(s: Settings, database: Mapping[str, str], days: int) -> None:
    """Delete the rows and files of runs, models and experiments that were deleted so many days ago.

    `database` are the variables with which PostgreSQL's library opens MLflow's database. Files go through MLflow's
    server. Raises RegistryUnavailable where the command fails.
    """
    user, password = s.mlflow_login or ("", "")
    login = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password, "MLFLOW_TRACKING_URI": s.mlflow}
    argv = [sys.executable, "-m", "mlflow", "gc", "--older-than", f"{days}d", "--backend-store-uri", DATABASE]
    with tempfile.TemporaryDirectory() as folder:  # it makes a folder for files where it runs
        env = os.environ | database | login
        done = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=HOURS * 3600
        )
    if done.returncode:
        raise RegistryUnavailable(f"`mlflow gc` failed: {_reason(done.stderr)}; the next run of `maintain` goes on")


def _reason(text: str) -> str:
    """Return the line of a traceback that says what was raised, else the last one."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in reversed(lines) if RAISED.match(line)), lines[-1])[:300]
