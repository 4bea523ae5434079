"""Tell PostgreSQL how each DAG's last run goes, so that the dashboard can show it."""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class Listener:
    """Hear of every run that starts or ends; Airflow logs what is raised here, and goes on."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any) -> None:
        """Tell that a run started."""
        _tell(dag_run)

    @hookimpl
    def on_dag_run_success(self, dag_run: Any) -> None:
        """Tell that a run ended well."""
        _tell(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any) -> None:
        """Tell that a run failed."""
        _tell(dag_run)


def _tell(run: Any) -> None:
    from stock_ml.config import load
    from stock_ml.steps import run_states

    times = (None if at is None else at.timestamp() for at in (run.start_date, run.end_date))
    run_states.tell(load(), run.dag_id, run_states.RunState(str(run.state), run.run_id, *times))


class RunStates(AirflowPlugin):
    """Register the listener, in the scheduler and wherever else a run's state is changed."""

    name = "run_states"
    listeners = (Listener(),)
