"""Make a champion that fits the settings: trigger the DAGs, and wait for their runs."""

from collections.abc import Mapping
from itertools import count
from typing import Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from local import probes
from local.airflow_client import Airflow, AirflowUnavailable, PipelineFailed
from stock_ml.adapters.mlflow.rest import champion, tags
from stock_ml.config import Settings
from stock_ml.training.version_tags import is_compatible

INGEST, TRAIN = "ingest_bars", "train_model"
DAGS = (INGEST, TRAIN, "promote_model", "monitor_forecasts", "maintain")
LONGEST_RUN = 3600
END_STATES = ("success", "failed")
POLLS = 50  # requests for a run's state, five a second, before one whether it waits for another day
# a run continues while Airflow's API is busy or restarts, so three minutes without a response are no failure
RETRY = Retrying(
    retry=retry_if_exception_type(AirflowUnavailable), stop=stop_after_delay(180), wait=wait_fixed(0.2), reraise=True
)


class RunStates(Protocol):
    """Read how runs go."""

    def state(self, dag: str, run: str) -> str: ...

    def failure_reason(self, dag: str, run: str) -> str: ...

    def waiting_reason(self, dag: str) -> str: ...

    def successful_tasks(self, dag: str, run: str) -> set[str]: ...


def has_champion(s: Settings) -> bool:
    """Say whether the champion was trained for these settings, and for the file as it is now.

    Raises RegistryUnavailable where MLflow cannot say, BadFile where the file cannot be read.
    """
    return is_compatible(tags(champion(s)), s)


def make_champion(s: Settings, secrets: Mapping[str, str]) -> str:
    """Ingest and train, and return when both are done; what it returns names the first symbol that is not clean.

    Raises PipelineFailed with the last words of the task that failed, or that waits for another day's requests.
    """
    airflow = Airflow(s, secrets)
    probes.wait(INGEST, lambda: airflow.is_ready(INGEST) and airflow.is_ready(TRAIN))
    _raise_if_waiting(airflow, INGEST)
    note = "SIMULATED bars of the sandbox exchange" if s.simulated else f"bars of source {s.source}"
    before = {run["dag_run_id"] for run in airflow.runs(TRAIN)}
    missing = wait_for_ingest(airflow, airflow.trigger(INGEST, note))
    probes.wait(TRAIN, lambda: bool(RETRY(_new_runs, airflow, before)))
    wait_for_run(airflow, TRAIN, RETRY(_new_runs, airflow, before)[-1])
    return missing


def wait_for_ingest(airflow: RunStates, run: str) -> str:
    """Return when a run of `ingest_bars` has announced clean bars, and why a symbol's are not among them.

    Raises as `wait_for_run` does where none were announced.
    """
    try:
        wait_for_run(airflow, INGEST, run)
    except PipelineFailed as error:
        if "publish" not in RETRY(airflow.successful_tasks, INGEST, run):
            raise
        return str(error)
    return ""


def wait_for_run(airflow: RunStates, dag: str, run: str, polls: int = POLLS) -> None:
    """Return when a run has succeeded; Airflow may be unavailable meanwhile for up to three minutes at a time.

    Raises PipelineFailed with the last words of the task that failed, or that waits for another day's requests,
    AirflowUnavailable, or HostError after an hour.
    """
    polled = count(1)

    def has_ended() -> bool:
        if next(polled) % polls == 0:
            _raise_if_waiting(airflow, dag)
        return RETRY(airflow.state, dag, run) in END_STATES

    probes.wait(dag, has_ended, LONGEST_RUN)
    if RETRY(airflow.state, dag, run) == "failed":
        raise PipelineFailed(f"{dag} failed, {RETRY(airflow.failure_reason, dag, run)}")


def _raise_if_waiting(airflow: RunStates, dag: str) -> None:
    """Raise PipelineFailed where a run of a DAG waits for another day."""
    if why := RETRY(airflow.waiting_reason, dag):
        raise PipelineFailed(f"{dag} waits, {why}. It goes on by itself while Airflow runs; `make status` shows it")


def _new_runs(airflow: Airflow, before: set[str]) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(TRAIN) if run["dag_run_id"] not in before]
