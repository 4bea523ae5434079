"""Bring a champion that fits the settings into being: trigger the DAGs where there is none, and wait."""

from collections.abc import Mapping

from local import probes
from local.airflow_api import Airflow, PipelineFailed
from stock_ml.adapters.champion import champion, tags
from stock_ml.config import Settings
from stock_ml.steps.purpose import fits

__all__ = ["INGEST", "TRAIN", "champion", "ensure_champion"]

INGEST, TRAIN = "ingest_bars", "train_model"
LONGEST_RUN = 3600
ENDED = ("success", "failed")


def ensure_champion(s: Settings, secrets: Mapping[str, str]) -> None:
    """Return when there is a champion that was trained for these settings; ingest and train where there is none.

    Raises PipelineFailed with the failing task's last words, RegistryUnavailable where MLflow cannot say.
    """
    if fits(tags(champion(s)), s):
        return
    airflow = Airflow(s, secrets)
    probes.wait(INGEST, lambda: airflow.is_ready(INGEST) and airflow.is_ready(TRAIN))
    note = "SIMULATED bars of the sandbox exchange" if s.simulated else f"bars of source {s.source}"
    before = {run["dag_run_id"] for run in airflow.runs(TRAIN)}
    _finish(airflow, INGEST, airflow.trigger(INGEST, note))
    probes.wait(TRAIN, lambda: bool(_new(airflow, before)))
    _finish(airflow, TRAIN, _new(airflow, before)[-1])


def _new(airflow: Airflow, before: set[str]) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(TRAIN) if run["dag_run_id"] not in before]


def _finish(airflow: Airflow, dag: str, run: str) -> None:
    probes.wait(dag, lambda: airflow.state(dag, run) in ENDED, LONGEST_RUN)
    if airflow.state(dag, run) == "failed":
        raise PipelineFailed(f"{dag} failed, {airflow.why_failed(dag, run)}")
