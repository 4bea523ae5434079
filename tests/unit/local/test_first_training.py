"""A run is waited for while Airflow is busy, and its failure is told with the task's last words."""

import pytest

from local.airflow_client import AirflowUnavailable, PipelineFailed
from local.first_training import wait_for_ingest, wait_for_run


class Busy:
    """Give one state after another; None is a time-out."""

    def __init__(self, *states: str | None, well: tuple[str, ...] = ()) -> None:
        self._states, self._well = iter(states), set(well)

    def successful_tasks(self, dag: str, run: str) -> set[str]:
        return self._well

    def state(self, dag: str, run: str) -> str:
        said = next(self._states)
        if said is None:
            raise AirflowUnavailable("Airflow does not answer")
        return said

    def failure_reason(self, dag: str, run: str) -> str:
        return "task ingest: BadKey: the key is wrong"

    def waiting_reason(self, dag: str) -> str:
        return "task ingest: DailyLimit: all is spent; tried again after 2026-11-28 05:05 UTC"


def test_a_run_is_waited_for_through_a_time_out_of_airflow() -> None:
    wait_for_run(Busy(None, "running", "success", None, "success"), "ingest_bars", "run")


def test_a_failed_run_is_told_with_the_tasks_last_words() -> None:
    with pytest.raises(PipelineFailed, match=r"^ingest_bars failed, task ingest: BadKey: the key is wrong$"):
        wait_for_run(Busy("failed", "failed"), "ingest_bars", "run")


def test_a_run_that_waits_for_another_day_is_told_and_not_stood_by() -> None:
    told = r"^ingest_bars waits, task ingest: DailyLimit: .* tried again after 2026-11-28 05:05 UTC\. It goes on by"
    with pytest.raises(PipelineFailed, match=told):
        wait_for_run(Busy("running"), "ingest_bars", "run", polls=2)


def test_a_run_that_announced_clean_bars_is_gone_on_with_and_what_failed_is_told() -> None:
    well = ("plan", "ingest", "publish")
    assert wait_for_ingest(Busy("success", "success"), "run") == ""
    told = "ingest_bars failed, task ingest: BadKey: the key is wrong"
    assert wait_for_ingest(Busy("failed", "failed", well=well), "run") == told
    with pytest.raises(PipelineFailed, match=f"^{told}$"):
        wait_for_ingest(Busy("failed", "failed", well=well[:2]), "run")
