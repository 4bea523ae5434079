"""Ask MLflow over plain HTTP which version is champion, for programs that need no more of MLflow than this."""

from collections.abc import Mapping
from typing import Any

import requests

from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable

TIMEOUT = 30.0
# how MLflow says that there is no such model, and that a model has no such alias
ABSENT = {(404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE")}


def champion(s: Settings) -> dict[str, Any]:
    """Return the champion's version as MLflow tells it, nothing where there is none.

    Raises RegistryUnavailable where MLflow does not answer, or with anything else.
    """
    answer = _ask(s)
    told = _json(answer)
    if answer.ok and isinstance(version := told.get("model_version"), dict):
        return version
    if (answer.status_code, told.get("error_code")) in ABSENT:
        return {}
    raise RegistryUnavailable(
        f"MLflow at {s.mlflow} answered {answer.status_code} to the question for the champion: {answer.text[:200]!r}; "
        "see its log"
    )


def tags(version: Mapping[str, Any]) -> dict[str, str]:
    """Return a version's tags by name."""
    return {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}


def _ask(s: Settings) -> requests.Response:
    query = {"name": s.mlflow_model, "alias": "champion"}
    try:
        return requests.get(f"{s.mlflow}/api/2.0/mlflow/registered-models/alias", params=query, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise RegistryUnavailable(
            f"MLflow at {s.mlflow} does not answer ({type(error).__name__}); see that it runs: `make status`"
        ) from error


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
