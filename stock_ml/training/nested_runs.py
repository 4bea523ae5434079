"""A run for each candidate and for each of its folds, below the training's own in MLflow: three requests each."""

import time

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from stock_ml.adapters.mlflow import tracking
from stock_ml.adapters.mlflow.runs import TRAINING
from stock_ml.training.metrics_report import Report


def log(table: pd.DataFrame, report: Report) -> None:
    """Log the walk-forward metrics of each candidate, and of each of its folds, below the open run.

    `table` has the columns kind, fold, symbol ("all" is over all) and the metrics, as from `measuring.fold_table`.
    """
    client, training = MlflowClient(), tracking.open_run()
    whole = table[(table["symbol"] == "all") & (table["fold"] != "all")]
    for kind, folds in whole.groupby("kind"):
        candidate = _run(client, training, training, str(kind), report[f"walk_forward/{kind}"])
        metrics = folds.drop(columns=["kind", "symbol"]).set_index("fold")
        for fold, row in metrics.iterrows():
            _run(client, training, candidate, f"{kind}, fold {fold}", {str(name): float(v) for name, v in row.items()})


def _run(client: MlflowClient, training: Run, parent: Run, name: str, metrics: dict[str, float]) -> Run:
    tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, TRAINING: training.info.run_id}
    run = client.create_run(training.info.experiment_id, tags=tags, run_name=name)
    now = int(time.time() * 1000)
    known = [Metric(key, float(value), now, 0) for key, value in metrics.items() if value == value]  # not NaN
    client.log_batch(run.info.run_id, metrics=known)
    client.set_terminated(run.info.run_id)
    return run
