"""MLflow's REST API for programs that need the registry and not MLflow's library, which takes seconds to import."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from stock_ml.adapters.mlflow.records import ApiResponse, ModelVersion, RunData
from stock_ml.config import Settings
from stock_ml.errors import FORBIDDEN, UNAUTHENTICATED, RegistryRefused, RegistryUnavailable

TIMEOUT = 30.0
LAST = 20  # versions read: trainings in a row that were killed just after they registered one
WELL = "FINISHED"  # a run's status
# how MLflow says that there is no such model, and that a model has no such alias
ABSENT = {(404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")}
RETRY_ON = (408, 429, 500, 502, 503, 504)  # as MLflow's own client does


@dataclass(frozen=True)
class Api:
    """Send requests to an MLflow server; every method raises RegistryUnavailable where it fails or is unreachable.

    It is RegistryRefused where the server rejects the login.
    """

    url: str
    session: requests.Session
    timeout: float  # seconds

    @classmethod
    def connect(cls, s: Settings, retries: int = 0, timeout: float = TIMEOUT) -> "Api":
        """Return the API of the installation's server. A request is tried `1 + retries` times, `timeout` s each."""
        session = requests.Session()
        session.auth = s.mlflow_login
        retry = Retry(retries, backoff_factor=1, status_forcelist=RETRY_ON, allowed_methods=None, raise_on_status=False)
        session.mount(s.mlflow, HTTPAdapter(max_retries=retry))
        return cls(s.mlflow, session, timeout)

    def get(self, path: str, query: Mapping[str, str]) -> ApiResponse:
        """Return what MLflow knows of something, or what a search found."""
        return self._read(self._send("GET", f"api/2.0/mlflow/{path}", query), path)

    def find(self, path: str, query: Mapping[str, str]) -> ApiResponse:
        """Return what MLflow knows of something by its name, an empty response where there is no such thing."""
        answer = self._send("GET", f"api/2.0/mlflow/{path}", query)
        return ApiResponse() if (answer.status_code, _error_code(answer)) in ABSENT else self._read(answer, path)

    def aliased(self, model: str, alias: str) -> ModelVersion | None:
        """Return the version of a model that has an alias, None where there is no such alias, or no model yet.

        MLflow refuses a model that does not exist to a user who is no administrator.
        """
        try:
            return self.find("registered-models/alias", {"name": model, "alias": alias}).model_version
        except RegistryRefused:
            if self.get("model-versions/search", {"filter": f"name = '{model}'", "max_results": "1"}).model_versions:
                raise
            return None

    def post(self, path: str, body: Mapping[str, object]) -> ApiResponse:
        """Change something, or search with a body."""
        return self._read(self._send("POST", f"api/2.0/mlflow/{path}", body=body), path)

    def delete(self, path: str, body: Mapping[str, object]) -> None:
        """Delete something."""
        self._read(self._send("DELETE", f"api/2.0/mlflow/{path}", body=body), path)

    def download(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return a small file."""
        answer = self._send("GET", path, query)
        if not answer.ok:
            raise self._failed(answer, query["path"])
        return answer.content

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, object] | None = None
    ) -> requests.Response:
        url = f"{self.url}/{path}"
        try:
            answer = self.session.request(method, url, params=query, json=body, timeout=self.timeout)
        except requests.RequestException as error:
            raise RegistryUnavailable(
                f"MLflow at {self.url} does not answer ({type(error).__name__}); see that it runs: `make status`"
            ) from error
        if answer.status_code in {UNAUTHENTICATED, FORBIDDEN}:
            raise RegistryRefused.met(self.url, answer.status_code)
        return answer

    def _read(self, answer: requests.Response, path: str) -> ApiResponse:
        if not answer.ok:
            raise self._failed(answer, path)
        try:
            return _decode(answer)
        except ValueError as error:
            raise self._failed(answer, path, f", which cannot be read ({error})") from error

    def _failed(self, answer: requests.Response, path: str, why: str = "") -> RegistryUnavailable:
        text = f"{answer.text[:200]!r}{why}"
        return RegistryUnavailable(
            f"MLflow at {self.url} answered {answer.status_code} to the question for {path}: {text}; see its log"
        )


def champion(s: Settings) -> ModelVersion | None:
    """Return the champion's version, None where there is none.

    Raises RegistryUnavailable where MLflow does not answer, or with anything else.
    """
    return Api.connect(s).aliased(s.mlflow_model, "champion")


def newest(s: Settings) -> ModelVersion | None:
    """Return the version registered last by a training that ended well, None where there is none.

    A training that was killed, or failed, between its version and the alias is run again: its version does not count.
    Raises as `champion` does.
    """
    wanted = {"filter": f"name = '{s.mlflow_model}'", "max_results": str(LAST), "order_by": "creation_timestamp DESC"}
    api = Api.connect(s)
    found = api.get("model-versions/search", wanted).model_versions
    return next((version for version in found if _ended_well(api, version.run_id)), None)


def _ended_well(api: Api, run_id: str) -> bool:
    """Say whether a run did, or is not there any more."""
    run = api.find("runs/get", {"run_id": run_id}).run
    return run is None or run.info.status == WELL


def version(s: Settings, number: str) -> ModelVersion | None:
    """Return a version by its number, None where there is none; raises as `champion` does."""
    return Api.connect(s).find("model-versions/get", {"name": s.mlflow_model, "version": number}).model_version


def artifact(s: Settings, run_id: str, name: str) -> str | None:
    """Return the text of a file that a run holds, None where it holds none of that name; raises as `champion` does."""
    api = Api.connect(s)
    if name not in {file.path for file in api.find("artifacts/list", {"run_id": run_id}).files}:
        return None
    return api.download("get-artifact", {"run_id": run_id, "path": name}).decode()


def tags(found: ModelVersion | RunData | None) -> dict[str, str]:
    """Return the tags of a version or a run by name, none where there is no such thing."""
    return {tag.key: tag.value for tag in found.tags} if found else {}


def _decode(answer: requests.Response) -> ApiResponse:
    """Return what a body holds. Raises ValueError where it is no JSON, or lacks a field, or a value does not fit."""
    return msgspec.convert(_without_nulls(answer.json()), ApiResponse, strict=False)


def _error_code(answer: requests.Response) -> str:
    try:
        return _decode(answer).error_code
    except ValueError:
        return ""


def _without_nulls(value: object) -> object:
    """Leave out null fields, and give numbers as text: both are read as MLflow's own client reads them."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return str(value) if isinstance(value, int | float) else value
