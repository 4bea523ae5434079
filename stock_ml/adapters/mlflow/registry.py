"""The registered model's versions: which is champion, and its light scorer."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from stock_ml import disk
from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable
from stock_ml.model.scorer import Scorer

CHAMPION, CHALLENGER, SCORER = "champion", "challenger", "scorer.json"
PROMOTED_AT = "promoted_at"  # a tag
ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # no such model; a model without this alias


@dataclass(frozen=True)
class ChampionRef:
    """Name the version that serves, and the run that made it."""

    version: str
    run_id: str


@dataclass(frozen=True)
class Registry:
    """Read and move the versions of the model; every method raises RegistryUnavailable where MLflow does not answer."""

    client: MlflowClient
    url: str
    model: str

    @classmethod
    def connect(cls, s: Settings, retries: int = 1, timeout: int = 10) -> "Registry":
        """Return the installation's registry; nothing is sent yet.

        A request is tried `1 + retries` times, `timeout` seconds each: MLflow's own defaults wait for minutes.
        """
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(retries)
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(timeout)
        os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] = "1"
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        # without these a download of `models:/…` makes and asks a database of its own in the working folder
        mlflow.set_tracking_uri(s.mlflow)
        mlflow.set_registry_uri(s.mlflow)
        return cls(MlflowClient(s.mlflow, s.mlflow), s.mlflow, s.mlflow_model)

    def champion(self) -> ChampionRef | None:
        """Return the version that serves, None where there is none: one small request."""
        return self._aliased(CHAMPION)

    def challenger(self) -> ChampionRef | None:
        """Return the version that is scored in the champion's shadow, None where there is none: one small request."""
        return self._aliased(CHALLENGER)

    def _aliased(self, alias: str) -> ChampionRef | None:
        with reached(self.url):
            try:
                found = self.client.get_model_version_by_alias(self.model, alias)
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise
        return ChampionRef(str(found.version), str(found.run_id))

    def load(self, version: str) -> Scorer:
        """Download a version's scorer, a few kilobytes of JSON, and nothing else. Raises ModelError where damaged."""
        uri = f"models:/{self.model}/{version}/artifacts/{SCORER}"
        with tempfile.TemporaryDirectory() as folder, reached(self.url):
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=uri, dst_path=folder, tracking_uri=self.url, registry_uri=self.url
            )
            return Scorer.from_json(Path(path).read_bytes())

    def promote(self, version: str, by: str = "train_model") -> str | None:
        """Make a version the champion, and return the one that it replaces; consumers see it at their next look.

        The version's tags tell who promoted it, when, and which version it replaced.
        """
        before = self.champion()
        replaced = before.version if before and before.version != version else None
        self._serve(version, by, {"replaced": replaced} if replaced else {})
        return replaced

    def restore(self, version: str, instead_of: str, by: str) -> None:
        """Make a version the champion that was it before; a tag tells which one it serves again instead of."""
        self._serve(version, by, {"restored_from": instead_of})

    def _serve(self, version: str, by: str, told: dict[str, str]) -> None:
        challenger = self.challenger()
        told = {"promoted_by": by, PROMOTED_AT: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"} | told
        with reached(self.url):
            for name, value in told.items():
                self.client.set_model_version_tag(self.model, version, name, value)
            self.client.set_registered_model_alias(self.model, CHAMPION, version)
            if challenger and challenger.version == version:
                self.client.delete_registered_model_alias(self.model, CHALLENGER)  # it won

    def challenge(self, version: str) -> None:
        """Make a version the challenger: consumers score it from their next look on, and store its forecasts apart."""
        with reached(self.url):
            self.client.set_registered_model_alias(self.model, CHALLENGER, version)

    def withdraw(self, version: str) -> None:
        """Delete a version that is not to serve; its run stays."""
        with reached(self.url):
            self.client.delete_model_version(self.model, version)


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn MLflow's failures inside the block into RegistryUnavailable, and a full disk here into DiskFull."""
    try:
        with disk.space():
            yield
    except (MlflowException, requests.RequestException, OSError) as error:
        told = str(error).splitlines()[0][:300]
        raise RegistryUnavailable(f"MLflow at {url} did not answer as it should ({told}): see its log") from error
