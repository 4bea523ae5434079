"""Log a training to its MLflow run, and register the version that may serve."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Metric, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from stock_ml import disk
from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import log_model, tracking
from stock_ml.adapters.mlflow.runs import TRAINING
from stock_ml.cleaning.shared_gaps import quality_reports
from stock_ml.config import Settings
from stock_ml.evaluation.reference_profile import ReferenceProfile
from stock_ml.evaluation.training_result import Report
from stock_ml.model import features
from stock_ml.model.scorer import Scorer
from stock_ml.monitoring import live_drift
from stock_ml.training import model_card, plots
from stock_ml.training.metrics_report import fold_table
from stock_ml.training.version_tags import training_config
from stock_ml.training.walk_forward import WalkForwardResult

# settings that are parameters of the run
MODEL = {"symbols", "exchange", "window", "horizon", "candidates", "feed_gap_minutes", "spark_master"}
SESSIONS = {"holdout_sessions", "train_sessions"}


def run_tags(s: Settings) -> dict[str, str]:
    """Return what is known of a run before it starts."""
    commit = _commit()
    return training_config(s) | ({"git_commit": commit} if commit else {})


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def log_stage(stage: str) -> None:
    """Note on the open run after how many seconds it reached a stage."""
    mlflow.log_metric(f"reached/{stage}", time.time() - tracking.open_run().info.start_time / 1000)


def log_training(s: Settings, result: WalkForwardResult, report: Report, uri: str, sample: pd.DataFrame) -> None:
    """Log parameters, metrics, plots, the quality reports and which clean bars they were to the open run.

    `sample` is as from `forecast_sample`.
    """
    mlflow.log_params(s.model_dump(include=MODEL | SESSIONS) | {"features": ",".join(features.FEATURES)})
    mlflow.log_params({"rows_trained": int(result.sessions["rows"].sum()), "trained_until": result.end})
    mlflow.log_metrics({f"{part}/{name}": value for part, found in report.items() for name, value in found.items()})
    for name, figure in plots.figures(s, result.losses, sample).items():
        mlflow.log_figure(figure, f"plots/{name}.png")
    folds = fold_table(result)
    _log_nested_runs(folds, report)
    mlflow.log_text(folds.to_csv(index=False), "folds.csv")
    mlflow.log_dict(dict(quality_reports(s)), "quality.json")
    objects = Lake.connect(s).clean_digests(s.symbols)
    mlflow.log_dict(objects, "clean_bars.json")
    mlflow.log_input(_data(objects, uri), context="training")


def _log_nested_runs(table: pd.DataFrame, report: Report) -> None:
    """Log the walk-forward metrics of each candidate, and of each of its folds, below the open run.

    `table` is as from `fold_table`. Each run takes three requests.
    """
    client, training = MlflowClient(), tracking.open_run()
    whole = table[(table["symbol"] == "all") & (table["fold"] != "all")]
    for kind, folds in whole.groupby("kind"):
        candidate = _nested_run(client, training, training, str(kind), report[f"walk_forward/{kind}"])
        metrics = folds.drop(columns=["kind", "symbol"]).set_index("fold")
        for fold, row in metrics.iterrows():
            of_fold = {str(name): float(value) for name, value in row.items()}
            _nested_run(client, training, candidate, f"{kind}, fold {fold}", of_fold)


def _nested_run(client: MlflowClient, training: Run, parent: Run, name: str, metrics: dict[str, float]) -> Run:
    tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, TRAINING: training.info.run_id}
    run = client.create_run(training.info.experiment_id, tags=tags, run_name=name)
    now = int(time.time() * 1000)
    known = [Metric(key, float(value), now, 0) for key, value in metrics.items() if value == value]  # not NaN
    client.log_batch(run.info.run_id, metrics=known)
    client.set_terminated(run.info.run_id)
    return run


def log_reference_profile(profile: ReferenceProfile) -> None:
    """Log what the drift report compares live features with."""
    mlflow.log_text(profile.to_json(), live_drift.ARTIFACT)


def log_explanation(
    s: Settings, result: WalkForwardResult, report: Report, sample: pd.DataFrame, tags: dict[str, str]
) -> None:
    """Log what features do to forecasts, by a sample of feature rows, and the model card."""
    mlflow.log_figure(plots.effects(result, sample, list(features.FEATURES)), "plots/effects.png")
    mlflow.log_text(model_card.card(s, result.sessions, report, tags), "model_card.md")


def _data(objects: dict[str, str], uri: str) -> Dataset:
    """Name the clean bars trained on; the digest changes with the bytes of any of their objects."""
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:16]
    source = resolve_dataset_source(uri.replace("s3a://", "s3://", 1))
    return MetaDataset(source, name="clean bars", digest=digest)  # type: ignore[abstract]  # MLflow checks it nowhere


def register(s: Settings, spark: SparkSession, scorer: Scorer, pipeline: PipelineModel, tags: dict[str, str]) -> str:
    """Register scorer and pipeline as one version with these tags, and return it."""
    run = tracking.open_run().info.run_id
    with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder:
        with Lake.connect(s).scratch(run) as scratch:
            engine.save(spark, pipeline, scratch, Path(folder) / "spark")
        return log_model.register(s, scorer, Path(folder) / "spark", tags)
