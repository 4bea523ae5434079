"""Old trainings are archived, then deleted, and killed ones ended, on a real MLflow server; what serves stays."""

import time
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest
from mlflow.entities import ViewType

from stock_ml.adapters.lake import Lake, keys
from stock_ml.adapters.mlflow import garbage, log_model, tracking
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.runs import TRAINING
from stock_ml.adapters.mlflow.versions import promote, rollback
from stock_ml.adapters.postgres import dumps
from stock_ml.adapters.postgres.connection import admin_connection
from stock_ml.config import Settings
from stock_ml.errors import RegistryUnavailable
from stock_ml.maintenance.cleanup import MAX_TRAINING_SECONDS, forget_runs, tidy_runs
from tests.mlflow_library import library
from tests.unit.serving.streams import SCORER

HOUR = 3_600_000  # ms
ROWS = """
select (select count(*) from runs where run_uuid = %(id)s) + (select count(*) from tags where run_uuid = %(id)s)
    + (select count(*) from params where run_uuid = %(id)s) + (select count(*) from metrics where run_uuid = %(id)s)
"""


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


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """The folder of a pipeline that no Spark made."""
    (tmp_path / "none").write_text("no Spark made this model")
    return tmp_path


def logged(s: Settings, pipeline: Path) -> tuple[str, str]:
    """Make a run with a file, and a version with files of its own, and return both."""
    with tracking.run(s, {}) as run_id:
        mlflow.log_text("x", "report.txt")
        return run_id, log_model.register(s, SCORER, pipeline, {})


def files_of(s: Settings, part: str) -> list[str]:
    return [key for key in Lake.connect(s).objects.keys(keys.MLFLOW_FOLDER) if part in key]


def rows_of(s: Settings, run_id: str) -> int:
    """Count the rows of a run in MLflow's own tables."""
    with admin_connection(s, "mlflow") as connection:
        return int(connection.execute(ROWS, {"id": run_id}).fetchone()[0])


# MLflow warns about its own type hints when it is imported
@pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")
def test_what_was_archived_long_ago_is_gone_with_rows_files_and_version_and_what_serves_stays(
    s: Settings, pipeline: Path
) -> None:
    Lake.connect(s).ensure_bucket()
    registry = Registry.connect(s)
    (old, first), (replaced, second), (serving, third) = (logged(s, pipeline) for _ in range(3))
    promote(registry, second, "a test")
    promote(registry, third, "a test")
    models = {number: library(registry).get_model_version(s.mlflow_model, number).source for number in (first, third)}
    for run_id in (old, serving):  # a person deletes what serves, too
        library(registry).delete_run(run_id)
    assert forget_runs(s) == {"restored": [serving], "forgot": []}  # it was archived just now
    assert len(files_of(s, f"{old}/")) == 1
    at_once = s.model_copy(update={"keep_archived_days": 0})
    assert forget_runs(at_once) == {"restored": [], "forgot": [first]}
    assert (rows_of(s, old), files_of(s, f"{old}/")) == (0, [])
    assert forget_runs(at_once) == {"restored": [], "forgot": []}
    library(registry).delete_run(logged(s, pipeline)[0])  # something to collect: the old model's files go with it
    assert forget_runs(at_once)["forgot"] == ["4"]
    assert files_of(s, models[first].rpartition("/")[2]) == []
    for run_id in (replaced, serving):
        assert library(registry).get_run(run_id).info.lifecycle_stage == "active"
        assert len(files_of(s, f"{run_id}/")) == 1
    assert files_of(s, models[third].rpartition("/")[2])
    assert rollback(registry, "a test") == (third, second)


def test_the_runs_of_a_server_that_is_brought_are_left_alone(s: Settings, trainings: Trainings) -> None:
    library(trainings.registry).delete_run(trainings.add())
    brought = s.model_copy(update={"mlflow_reader_password": None, "keep_archived_days": 0})
    assert forget_runs(brought) == {"restored": [], "forgot": []}
    deleted = library(trainings.registry).search_runs([trainings.experiment], run_view_type=ViewType.DELETED_ONLY)
    assert [run.info.run_id for run in deleted] == trainings.runs


def test_a_collection_that_fails_says_why(s: Settings) -> None:
    with pytest.raises(RegistryUnavailable, match=r"`mlflow gc` failed: .*Could not parse any time information"):
        garbage.collect(s, dumps.login(s, "mlflow"), days=-1)
