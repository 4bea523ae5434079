"""Ask MLflow over plain HTTP which version is champion or newest, for programs that need no more of MLflow."""

from collections.abc import Mapping
from typing import Any

import requests

from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable

TIMEOUT = 30.0
LAST = 20  # versions looked at: trainings in a row that were killed just after they registered one
WELL = "FINISHED"  # a run's status
# how MLflow says that there is no such model, and that a model has no such alias
ABSENT = {(404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")}


def champion(s: Settings) -> dict[str, Any]:
    """Return the champion's version as MLflow tells it, nothing where there is none.

    Raises RegistryUnavailable where MLflow does not answer, or with anything else.
    """
    told = _ask(s, "registered-models/alias", {"name": s.mlflow_model, "alias": "champion"})
    return dict(told.get("model_version", {}))


def newest(s: Settings) -> dict[str, Any]:
    """Return the version registered last by a training that ended well, nothing where there is none.

    One that was killed, or failed, between its version and the alias is done again: what it left stands for nothing.
    Raises as `champion` does.
    """
    wanted = {"filter": f"name = '{s.mlflow_model}'", "max_results": str(LAST), "order_by": "creation_timestamp DESC"}
    found = _ask(s, "model-versions/search", wanted).get("model_versions", [])
    return next((dict(version) for version in found if _ended_well(s, version.get("run_id", ""))), {})


def _ended_well(s: Settings, run_id: str) -> bool:
    """Say whether a run did, or is not there any more."""
    run = _ask(s, "runs/get", {"run_id": run_id}).get("run", {})
    return bool(run.get("info", {}).get("status", WELL) == WELL)


def version(s: Settings, number: str) -> dict[str, Any]:
    """Return a version by its number, nothing where there is none; raises as `champion` does."""
    told = _ask(s, "model-versions/get", {"name": s.mlflow_model, "version": number})
    return dict(told.get("model_version", {}))


def artifact(s: Settings, run_id: str, name: str) -> str | None:
    """Return the text of a file that a run holds, None where it holds none of that name; raises as `champion` does."""
    held = _ask(s, "artifacts/list", {"run_id": run_id}).get("files", [])
    if name not in {file["path"] for file in held}:
        return None
    answer = _get(s, "get-artifact", {"run_id": run_id, "path": name})
    if not answer.ok:
        raise RegistryUnavailable(f"MLflow at {s.mlflow} answered {answer.status_code} for {name} of run {run_id}")
    return answer.text


def tags(version: Mapping[str, Any]) -> dict[str, str]:
    """Return a version's tags by name."""
    return {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}


def _ask(s: Settings, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return what MLflow tells, nothing where there is no such thing."""
    answer = _get(s, f"api/2.0/mlflow/{path}", query)
    told = _json(answer)
    if answer.ok and told is not None:
        return told
    if (answer.status_code, (told or {}).get("error_code")) in ABSENT:
        return {}
    raise RegistryUnavailable(
        f"MLflow at {s.mlflow} answered {answer.status_code} to the question for {path}: {answer.text[:200]!r}; "
        "see its log"
    )


def _get(s: Settings, path: str, query: Mapping[str, str]) -> requests.Response:
    try:
        return requests.get(f"{s.mlflow}/{path}", params=query, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise RegistryUnavailable(
            f"MLflow at {s.mlflow} does not answer ({type(error).__name__}); see that it runs: `make status`"
        ) from error


def _json(answer: requests.Response) -> dict[str, Any] | None:
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
