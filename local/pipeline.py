"""Bring a champion that fits the settings into being: trigger the DAGs, and wait."""

from collections.abc import Mapping
from itertools import count
from typing import Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from local import probes
from local.airflow_client import Airflow, AirflowUnavailable, PipelineFailed
from stock_ml.adapters.mlflow.rest import champion, tags
from stock_ml.config import Settings
from stock_ml.training.version_tags import fits

INGEST, TRAIN = "ingest_bars", "train_model"
DAGS = (INGEST, TRAIN, "promote_model", "monitor_forecasts", "maintain")
LONGEST_RUN = 3600
ENDED = ("success", "failed")
LOOK = 50  # times that a run's state is asked for, five a second, before it is asked whether it waits for a day
# a run goes on while Airflow's API is busy or starts anew: three minutes of silence are no reason to give up on it
PATIENT = Retrying(
    retry=retry_if_exception_type(AirflowUnavailable), stop=stop_after_delay(180), wait=wait_fixed(0.2), reraise=True
)


class Runs(Protocol):
    """Tell how runs go."""

    def state(self, dag: str, run: str) -> str: ...

    def failure_reason(self, dag: str, run: str) -> str: ...

    def waiting_reason(self, dag: str) -> str: ...

    def successful_tasks(self, dag: str, run: str) -> set[str]: ...


def has_champion(s: Settings) -> bool:
    """Say whether the champion was trained for these settings, and for the file as it is now.

    Raises RegistryUnavailable where MLflow cannot say, BadFile where the file cannot be read.
    """
    return fits(tags(champion(s)), s)


def make_champion(s: Settings, secrets: Mapping[str, str]) -> str:
    """Ingest and train, and return when both are done; what it returns names the first symbol that is not clean.

    Raises PipelineFailed with the last words of the task that failed, or that waits for another day's requests.
    """
    airflow = Airflow(s, secrets)
    probes.wait(INGEST, lambda: airflow.is_ready(INGEST) and airflow.is_ready(TRAIN))
    _see_going(airflow, INGEST)
    note = "SIMULATED bars of the sandbox exchange" if s.simulated else f"bars of source {s.source}"
    before = {run["dag_run_id"] for run in airflow.runs(TRAIN)}
    lacking = ingest(airflow, airflow.trigger(INGEST, note))
    probes.wait(TRAIN, lambda: bool(PATIENT(_new, airflow, before)))
    finish(airflow, TRAIN, PATIENT(_new, airflow, before)[-1])
    return lacking


def ingest(airflow: Runs, run: str) -> str:
    """Return when a run of `ingest_bars` has announced clean bars, and why a symbol's are not among them.

    Raises as `finish` does where none were announced.
    """
    try:
        finish(airflow, INGEST, run)
    except PipelineFailed as error:
        if "publish" not in PATIENT(airflow.successful_tasks, INGEST, run):
            raise
        return str(error)
    return ""


def finish(airflow: Runs, dag: str, run: str, look: int = LOOK) -> None:
    """Return when a run has succeeded, however often Airflow is away meanwhile for less than three minutes.

    Raises PipelineFailed with the last words of the task that failed, or that waits for another day's requests,
    AirflowUnavailable, or HostError after an hour.
    """
    asked = count(1)

    def has_ended() -> bool:
        if next(asked) % look == 0:
            _see_going(airflow, dag)
        return PATIENT(airflow.state, dag, run) in ENDED

    probes.wait(dag, has_ended, LONGEST_RUN)
    if PATIENT(airflow.state, dag, run) == "failed":
        raise PipelineFailed(f"{dag} failed, {PATIENT(airflow.failure_reason, dag, run)}")


def _see_going(airflow: Runs, dag: str) -> None:
    """Raise PipelineFailed where a run of a DAG waits for another day: nobody stands by for so long."""
    if why := PATIENT(airflow.waiting_reason, dag):
        raise PipelineFailed(f"{dag} waits, {why}. It goes on by itself while Airflow runs; `make status` shows it")


def _new(airflow: Airflow, before: set[str]) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(TRAIN) if run["dag_run_id"] not in before]
