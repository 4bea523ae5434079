"""Old trainings are archived and killed ones ended, on a real MLflow server; what serves is left alone."""

import time
from uuid import uuid4

import pytest
from mlflow.entities import ViewType

from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.runs import TRAINING
from stock_ml.adapters.mlflow.versions import promote
from stock_ml.config import Settings
from stock_ml.maintenance.cleanup import MAX_TRAINING_SECONDS, tidy_runs
from tests.mlflow_library import library

HOUR = 3_600_000  # ms


class Trainings:
    """Make runs of an experiment, oldest first, an hour apart."""

    def __init__(self, s: Settings) -> None:
        self.registry, self.runs = Registry.connect(s), list[str]()
        self.experiment = library(self.registry).create_experiment(s.mlflow_experiment)
        self.began = int(time.time() * 1000) - 100 * HOUR

    def add(self, status: str = "FINISHED") -> str:
        start = self.began + len(self.runs) * HOUR
        run_id = str(library(self.registry).create_run(self.experiment, start_time=start).info.run_id)
        if status != "RUNNING":
            library(self.registry).set_terminated(run_id, status)
        self.runs.append(run_id)
        return run_id

    def add_below(self, training: str) -> str:
        """Make the run of a fold: it counts as no training."""
        run_id = self.add()
        library(self.registry).set_tag(run_id, TRAINING, training)
        return run_id

    def left(self) -> list[str]:
        found = library(self.registry).search_runs([self.experiment], order_by=["attributes.start_time ASC"])
        return [run.info.run_id for run in found]


@pytest.fixture
def s(mlflow_server: Settings) -> Settings:
    own = {"mlflow_model": f"m{uuid4().hex[:8]}", "mlflow_experiment": f"e{uuid4().hex[:8]}", "keep_runs": 2}
    return mlflow_server.model_copy(update=own)


@pytest.fixture
def trainings(s: Settings) -> Trainings:
    return Trainings(s)


def test_old_trainings_are_archived_but_for_what_serves_and_what_a_rollback_goes_to(
    s: Settings, trainings: Trainings
) -> None:
    registry, made = trainings.registry, [trainings.add("FAILED" if n == 1 else "FINISHED") for n in range(6)]
    library(registry).create_registered_model(s.mlflow_model)
    for number, run_id in enumerate(made[:3], 1):
        library(registry).create_model_version(s.mlflow_model, f"s3://nowhere/{number}", run_id)
        promote(registry, str(number), "a test")
    kept, gone = trainings.add_below(made[5]), trainings.add_below(made[3])
    assert tidy_runs(s) == {"ended": [], "archived": [made[3], made[0]]}
    assert trainings.left() == [made[1], made[2], made[4], made[5], kept]
    deleted = library(registry).search_runs([trainings.experiment], run_view_type=ViewType.DELETED_ONLY)
    assert {run.info.run_id for run in deleted} == {made[3], made[0], gone}
    assert tidy_runs(s) == {"ended": [], "archived": []}


def test_a_run_that_a_killed_training_left_open_is_ended_and_says_so_and_one_that_may_go_on_is_left(
    s: Settings, trainings: Trainings
) -> None:
    killed = trainings.add("RUNNING")
    trainings.began = int((time.time() - MAX_TRAINING_SECONDS) * 1000) + HOUR
    going = trainings.add("RUNNING")
    assert tidy_runs(s) == {"ended": [killed], "archived": []}
    found = library(trainings.registry).get_run(killed)
    assert (found.info.status, "killed" in found.data.tags["reason"]) == ("KILLED", True)
    assert library(trainings.registry).get_run(going).info.status == "RUNNING"


def test_before_the_first_training_there_is_nothing_to_do(s: Settings) -> None:
    assert tidy_runs(s) == {"ended": [], "archived": []}
