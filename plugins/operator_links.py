"""What a task links to in Airflow's UI."""

from typing import Any

from airflow.sdk import BaseOperatorLink

from stock_ml.config import load
from stock_ml.errors import without_login


class TrainingInMlflow(BaseOperatorLink):
    """Open the MLflow run of a training that ended well."""

    name = "Training in MLflow"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the run's address, nothing where nothing was trained."""
        made = ti_key.xcom_pull(task_ids=operator.task_id) or {}
        return without_login(f"{load().mlflow}/#/runs/{made['run_id']}") if "run_id" in made else ""


def with_link(task: Any, link: BaseOperatorLink) -> Any:
    """Give a task of a decorated function a link, and return it: the decorator takes none."""
    task.operator.operator_extra_links = (link,)
    return task
