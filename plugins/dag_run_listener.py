"""Store the state of each DAG's last run for the dashboard, and notify a person where it failed."""

from threading import Thread
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class Listener:
    """Receive every start and end of a run; Airflow logs an error that is raised here, and continues."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any) -> None:
        """Report that a run started."""
        _report(dag_run)

    @hookimpl
    def on_dag_run_success(self, dag_run: Any) -> None:
        """Report that a run succeeded."""
        _report(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any) -> None:
        """Report that a run failed, and notify a person in a thread: the scheduler must not wait for a mail server."""
        _report(dag_run)
        Thread(target=_notify, args=(dag_run.dag_id, dag_run.run_id)).start()


def _report(run: Any) -> None:
    from stock_ml.config import load
    from stock_ml.monitoring import dag_status

    times = (None if at is None else at.timestamp() for at in (run.start_date, run.end_date))
    dag_status.write_run_state(load(), run.dag_id, dag_status.RunState(str(run.state), run.run_id, *times))


def _notify(dag: str, run: str) -> None:
    from stock_ml.config import load
    from stock_ml.monitoring import notify

    notify.notify_failure(load(), dag, run)


class RunStates(AirflowPlugin):
    """Register the listener, in the scheduler and wherever else a run's state is changed."""

    name = "run_states"
    listeners = [Listener()]  # noqa: RUF012 - Airflow declares a list
