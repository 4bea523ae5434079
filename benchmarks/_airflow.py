"""The whole stack with Airflow, as `make up` starts it: what the benchmarks of its DAGs share."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from local.servers.services import environment
from local.supervisor.program import PYTHON, ROOT
from stock_ml.adapters.mlflow import rest
from stock_ml.adapters.mlflow.records import ModelVersion
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.versions import versions
from stock_ml.config import Settings
from tests.servers import settings_in


@contextmanager
def installation(home: Path, **given: object) -> Iterator[Settings]:
    """Give the settings of an installation that is not up yet; it is stopped at the end of the block."""
    s = settings_in(home, **given)
    try:
        yield s
    finally:
        local(s, "down")


def local(s: Settings, command: str) -> None:
    """Run a command of `python -m local` on an installation. Raises CalledProcessError."""
    env = os.environ | environment(s)
    subprocess.run([PYTHON, "-m", "local", command], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


def market_time(s: Settings) -> float:
    """Return the time of the sandbox exchange, UTC epoch seconds."""
    return float(requests.get(f"{s.sandbox}/clock", timeout=10).json()["market"])


def set_clock(s: Settings, **changes: float | bool) -> float:
    """Change `paused` or `speed` of the sandbox exchange's clock, and return its time."""
    response = requests.post(f"{s.sandbox}/clock", json=changes, timeout=10)
    response.raise_for_status()
    return float(response.json()["market"])


def champion(s: Settings) -> ModelVersion:
    """Return the champion. Raises RuntimeError where there is none."""
    found = rest.champion(s)
    if found is None:
        raise RuntimeError("there is no champion")
    return found


def count_versions(s: Settings) -> int:
    """Return how many versions of the model are registered."""
    return len(versions(Registry.connect(s)))
