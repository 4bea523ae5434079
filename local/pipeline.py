"""Bring a champion that fits the settings into being: trigger the DAGs, and wait."""

from collections.abc import Mapping

from local import probes
from local.airflow_api import Airflow, PipelineFailed
from stock_ml.adapters.champion import champion, tags
from stock_ml.config import Settings
from stock_ml.steps.purpose import fits

__all__ = ["INGEST", "TRAIN", "champion", "has_champion", "make_champion"]

INGEST, TRAIN = "ingest_bars", "train_model"
LONGEST_RUN = 3600
ENDED = ("success", "failed")


def has_champion(s: Settings) -> bool:
    """Say whether the champion was trained for these settings, and for the file as it is now.

    Raises RegistryUnavailable where MLflow cannot say, BadFile where the file cannot be read.
    """
    return fits(tags(champion(s)), s)


def make_champion(s: Settings, secrets: Mapping[str, str]) -> None:
    """Ingest and train, and return when both are done.

    Raises PipelineFailed with the failing task's last words.
    """
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
