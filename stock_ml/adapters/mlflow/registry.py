"""The registered model's versions: which is champion, and its light scorer."""

from dataclasses import dataclass
from datetime import UTC, datetime

from stock_ml.adapters.mlflow.records import ModelVersion
from stock_ml.adapters.mlflow.rest import Api
from stock_ml.config import Settings
from stock_ml.model.scorer import Scorer

CHAMPION, CHALLENGER, SCORER = "champion", "challenger", "scorer.json"
PROMOTED_AT = "promoted_at"  # a tag


@dataclass(frozen=True)
class Registry:
    """Read and move the versions of the model; every method raises RegistryUnavailable where MLflow does not answer."""

    api: Api
    model: str

    @classmethod
    def connect(cls, s: Settings, retries: int = 1, timeout: int = 10) -> "Registry":
        """Return the installation's registry; nothing is sent yet.

        A request is tried `1 + retries` times, `timeout` seconds each.
        """
        return cls(Api.connect(s, retries, timeout), s.mlflow_model)

    def champion(self) -> ModelVersion | None:
        """Return the version that serves, None where there is none: one small request."""
        return self._aliased(CHAMPION)

    def challenger(self) -> ModelVersion | None:
        """Return the version that is scored in the champion's shadow, None where there is none: one small request."""
        return self._aliased(CHALLENGER)

    def _aliased(self, alias: str) -> ModelVersion | None:
        return self.api.aliased(self.model, alias)

    def load(self, version: str) -> Scorer:
        """Download a version's scorer, a few kilobytes of JSON, and nothing else. Raises ModelError where damaged."""
        file = {"name": self.model, "version": version, "path": f"artifacts/{SCORER}"}
        return Scorer.from_json(self.api.download("model-versions/get-artifact", file))

    def promote(self, version: str, by: str = "train_model") -> str | None:
        """Make a version the champion, and return the one that it replaces; consumers see it at their next look.

        The version's tags say who promoted it, when, and which version it replaced.
        """
        before = self.champion()
        replaced = before.version if before and before.version != version else None
        self._serve(version, by, {"replaced": replaced} if replaced else {})
        return replaced

    def restore(self, version: str, instead_of: str, by: str) -> None:
        """Make an earlier champion the champion again; a tag says which version it replaces."""
        self._serve(version, by, {"restored_from": instead_of})

    def _serve(self, version: str, by: str, tags: dict[str, str]) -> None:
        challenger = self.challenger()
        tags = {"promoted_by": by, PROMOTED_AT: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"} | tags
        for name, value in tags.items():
            self.api.post("model-versions/set-tag", self._version(version) | {"key": name, "value": value})
        self._set_alias(CHAMPION, version)
        if challenger and challenger.version == version:
            self.api.delete("registered-models/alias", {"name": self.model, "alias": CHALLENGER})  # it won

    def challenge(self, version: str) -> None:
        """Make a version the challenger: consumers score it from their next look on, and store its forecasts apart."""
        self._set_alias(CHALLENGER, version)

    def withdraw(self, version: str) -> None:
        """Delete a version that is not to serve; its run stays."""
        self.api.delete("model-versions/delete", self._version(version))

    def _set_alias(self, alias: str, version: str) -> None:
        self.api.post("registered-models/alias", self._version(version) | {"alias": alias})

    def _version(self, number: str) -> dict[str, str]:
        return {"name": self.model, "version": number}
