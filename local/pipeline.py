"""Bring a champion that fits the settings into being: trigger the DAGs where there is none, and wait."""

from collections.abc import Mapping
from typing import Any

import requests

from local import probes
from local.airflow_api import Airflow, PipelineFailed
from stock_ml.config import Settings

INGEST, TRAIN = "ingest_bars", "train_model"
LONGEST_RUN = 3600
ENDED = ("success", "failed")


def ensure_champion(s: Settings, secrets: Mapping[str, str]) -> None:
    """Return when there is a champion for these symbols, window and horizon; ingest and train where there is none.

    Raises PipelineFailed with the failing task's last words.
    """
    if fits(champion(s), s):
        return
    airflow = Airflow(s, secrets)
    probes.wait(INGEST, lambda: airflow.is_ready(INGEST) and airflow.is_ready(TRAIN))
    note = "SIMULATED bars of the sandbox exchange" if s.simulated else f"bars of source {s.source}"
    before = {run["dag_run_id"] for run in airflow.runs(TRAIN)}
    _finish(airflow, INGEST, airflow.trigger(INGEST, note))
    probes.wait(TRAIN, lambda: bool(_new(airflow, before)))
    _finish(airflow, TRAIN, _new(airflow, before)[-1])


def champion(s: Settings) -> dict[str, Any]:
    """Return the champion's version as MLflow tells it, nothing where there is none."""
    query = {"name": "stock-close", "alias": "champion"}
    answer = requests.get(f"{s.mlflow}/api/2.0/mlflow/registered-models/alias", params=query, timeout=30)
    return dict(answer.json().get("model_version", {})) if answer.ok else {}


def fits(version: Mapping[str, Any], s: Settings) -> bool:
    """Say whether a version was trained for these settings."""
    tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
    trained = set(tags.get("symbols", "").split(","))
    asked = {"window": str(s.window), "horizon": str(s.horizon)}
    return set(s.symbols) <= trained and all(tags.get(name) == value for name, value in asked.items())


def _new(airflow: Airflow, before: set[str]) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(TRAIN) if run["dag_run_id"] not in before]


def _finish(airflow: Airflow, dag: str, run: str) -> None:
    probes.wait(dag, lambda: airflow.state(dag, run) in ENDED, LONGEST_RUN)
    if airflow.state(dag, run) == "failed":
        raise PipelineFailed(f"{dag} failed, {airflow.why_failed(dag, run)}")
