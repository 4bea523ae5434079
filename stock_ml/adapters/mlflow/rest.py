"""MLflow's REST API for programs that need the registry and not MLflow's library, which takes seconds to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable

TIMEOUT = 30.0
LAST = 20  # versions looked at: trainings in a row that were killed just after they registered one
WELL = "FINISHED"  # a run's status
# how MLflow says that there is no such model, and that a model has no such alias
ABSENT = {(404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")}
RETRY_ON = (408, 429, 500, 502, 503, 504)  # as MLflow's own client does


@dataclass(frozen=True)
class Api:
    """Send requests to an MLflow server; every method raises RegistryUnavailable where it fails or is unreachable."""

    url: str
    session: requests.Session
    timeout: float  # seconds

    @classmethod
    def connect(cls, s: Settings, retries: int = 0, timeout: float = TIMEOUT) -> "Api":
        """Return the API of the installation's server. A request is tried `1 + retries` times, `timeout` s each."""
        session = requests.Session()
        retry = Retry(retries, backoff_factor=1, status_forcelist=RETRY_ON, allowed_methods=None, raise_on_status=False)
        session.mount(s.mlflow, HTTPAdapter(max_retries=retry))
        return cls(s.mlflow, session, timeout)

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what MLflow knows of something, or what a search found."""
        return self._body(self._send("GET", f"api/2.0/mlflow/{path}", params=query), path)

    def find(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what MLflow knows of something by its name, empty where there is no such thing."""
        answer = self._send("GET", f"api/2.0/mlflow/{path}", params=query)
        if (answer.status_code, (_json(answer) or {}).get("error_code")) in ABSENT:
            return {}
        return self._body(answer, path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change something, or search with a body."""
        return self._body(self._send("POST", f"api/2.0/mlflow/{path}", json=body), path)

    def delete(self, path: str, body: Mapping[str, Any]) -> None:
        """Delete something."""
        self._body(self._send("DELETE", f"api/2.0/mlflow/{path}", json=body), path)

    def download(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return a small file."""
        answer = self._send("GET", path, params=query)
        if not answer.ok:
            raise self._failed(answer, query["path"])
        return answer.content

    def _send(self, method: str, path: str, **request: Any) -> requests.Response:
        try:
            return self.session.request(method, f"{self.url}/{path}", timeout=self.timeout, **request)
        except requests.RequestException as error:
            raise RegistryUnavailable(
                f"MLflow at {self.url} does not answer ({type(error).__name__}); see that it runs: `make status`"
            ) from error

    def _body(self, answer: requests.Response, path: str) -> dict[str, Any]:
        body = _json(answer)
        if not answer.ok or body is None:
            raise self._failed(answer, path)
        return body

    def _failed(self, answer: requests.Response, what: str) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"MLflow at {self.url} answered {answer.status_code} to the question for {what}: {answer.text[:200]!r}; "
            "see its log"
        )


def champion(s: Settings) -> dict[str, Any]:
    """Return the champion's version as MLflow tells it, nothing where there is none.

    Raises RegistryUnavailable where MLflow does not answer, or with anything else.
    """
    told = Api.connect(s).find("registered-models/alias", {"name": s.mlflow_model, "alias": "champion"})
    return dict(told.get("model_version", {}))


def newest(s: Settings) -> dict[str, Any]:
    """Return the version registered last by a training that ended well, nothing where there is none.

    One that was killed, or failed, between its version and the alias is done again: what it left stands for nothing.
    Raises as `champion` does.
    """
    wanted = {"filter": f"name = '{s.mlflow_model}'", "max_results": str(LAST), "order_by": "creation_timestamp DESC"}
    api = Api.connect(s)
    found = api.get("model-versions/search", wanted).get("model_versions", [])
    return next((dict(version) for version in found if _ended_well(api, version.get("run_id", ""))), {})


def _ended_well(api: Api, run_id: str) -> bool:
    """Say whether a run did, or is not there any more."""
    run = api.find("runs/get", {"run_id": run_id}).get("run", {})
    return bool(run.get("info", {}).get("status", WELL) == WELL)


def version(s: Settings, number: str) -> dict[str, Any]:
    """Return a version by its number, nothing where there is none; raises as `champion` does."""
    told = Api.connect(s).find("model-versions/get", {"name": s.mlflow_model, "version": number})
    return dict(told.get("model_version", {}))


def artifact(s: Settings, run_id: str, name: str) -> str | None:
    """Return the text of a file that a run holds, None where it holds none of that name; raises as `champion` does."""
    api = Api.connect(s)
    held = api.find("artifacts/list", {"run_id": run_id}).get("files", [])
    if name not in {file["path"] for file in held}:
        return None
    return api.download("get-artifact", {"run_id": run_id, "path": name}).decode()


def tags(version: Mapping[str, Any]) -> dict[str, str]:
    """Return a version's tags by name."""
    return {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}


def _json(answer: requests.Response) -> dict[str, Any] | None:
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
