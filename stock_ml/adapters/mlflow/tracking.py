"""One training run in MLflow: started, described, and on any failure ended as FAILED with the reason."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

import mlflow
import requests
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from stock_ml import disk
from stock_ml.config import Settings
from stock_ml.errors import FORBIDDEN, UNAUTHENTICATED, RegistryRefused, RegistryUnavailable

REFUSED = {"UNAUTHENTICATED": UNAUTHENTICATED, "PERMISSION_DENIED": FORBIDDEN}  # MLflow's own words for them


@contextmanager
def run(s: Settings, tags: dict[str, str]) -> Iterator[str]:
    """Hold a run open for the block and yield its id; an error ends it FAILED, with the tag `reason`."""
    note = "SIMULATED: the bars of this run are made up." if s.simulated else None
    name = f"{s.source} {s.horizon} min" + (" SIMULATED" if s.simulated else "")
    with login(s):
        with translate_errors(s.mlflow):
            mlflow.set_tracking_uri(s.mlflow)
            mlflow.set_registry_uri(s.mlflow)  # else an MLFLOW_REGISTRY_URI of the environment would get the version
            mlflow.set_experiment(s.mlflow_experiment)
            started = mlflow.start_run(run_name=name, tags=tags, description=note)
        with started, _Reason(), disk.space():
            yield str(started.info.run_id)


@contextmanager
def login(s: Settings) -> Iterator[None]:
    """Let MLflow's library log in within the block: it reads a login that no address shows from the environment."""
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ |= dict(zip(names, s.mlflow_login, strict=True)) if s.mlflow_login else {}
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ |= before


def open_run() -> Run:
    """Return the run that is open in this thread. Raises RuntimeError where there is none."""
    found = mlflow.active_run()
    if found is None:
        raise RuntimeError("no MLflow run is open")
    return found


@dataclass
class _Reason:
    """Note on the open run why the block failed."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            with suppress(MlflowException):  # a reason that cannot be kept must not hide the error itself
                mlflow.set_tag("reason", f"{kind.__name__}: {str(error)[:400]}")


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Turn MLflow's failures inside the block into RegistryUnavailable, and a full disk here into DiskFull.

    A login that it rejects is RegistryRefused.
    """
    try:
        with disk.space():
            yield
    except (MlflowException, requests.RequestException, OSError) as error:
        if (status := _status(error)) in REFUSED.values():
            raise RegistryRefused.met(url, status) from error
        problem = str(error).splitlines()[0][:300]
        raise RegistryUnavailable(f"MLflow at {url} did not answer as it should ({problem}): see its log") from error


def _status(error: Exception) -> int:
    """Return the HTTP status that an error of MLflow's library stands for, 0 where it has none."""
    if isinstance(error, MlflowException):
        return REFUSED.get(error.error_code, 0)
    answer = error.response if isinstance(error, requests.RequestException) else None
    return 0 if answer is None else answer.status_code
