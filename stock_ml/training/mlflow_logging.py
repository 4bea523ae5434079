"""Write what a training did into its MLflow run, and make the version that may serve."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import log_model, tracking
from stock_ml.cleaning.shared_gaps import reports_of
from stock_ml.config import Settings
from stock_ml.evaluation.reference_profile import Population
from stock_ml.model import features
from stock_ml.model.scorer import Scorer
from stock_ml.monitoring import live_drift
from stock_ml.training import diagnostic_plots, model_card, nested_runs, plots
from stock_ml.training.metrics_report import Report, fold_table
from stock_ml.training.version_tags import tags_of
from stock_ml.training.walk_forward import Judged


def tags(s: Settings) -> dict[str, str]:
    """Return what is known of a run before it starts."""
    commit = _commit()
    return tags_of(s) | ({"git_commit": commit} if commit else {})


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def reached(stage: str) -> None:
    """Note on the open run after how many seconds it reached a stage."""
    mlflow.log_metric(f"reached/{stage}", time.time() - tracking.open_run().info.start_time / 1000)


def record(s: Settings, judged: Judged, report: Report, uri: str) -> None:
    """Log parameters, metrics, plots, the quality reports and which clean bars they were to the open run."""
    given = {
        "symbols",
        "window",
        "horizon",
        "holdout_sessions",
        "train_sessions",
        "feed_gap_minutes",
        "exchange",
        "spark_master",
        "candidates",
    }
    mlflow.log_params(s.model_dump(include=given) | {"features": ",".join(features.FEATURES)})
    mlflow.log_params({"rows_trained": int(judged.sessions["rows"].sum()), "trained_until": judged.end})
    mlflow.log_metrics({f"{part}/{name}": value for part, found in report.items() for name, value in found.items()})
    mlflow.log_figure(plots.last_session(judged.walked, s.calendars), "plots/last_session.png")
    mlflow.log_figure(plots.skill_by_fold(judged.walked), "plots/skill_by_fold.png")
    mlflow.log_figure(plots.error_by_minute(judged.walked, s.horizon), "plots/error_by_minute.png")
    mlflow.log_figure(diagnostic_plots.calibration(judged.walked), "plots/calibration.png")
    mlflow.log_figure(diagnostic_plots.autocorrelation(judged.walked), "plots/autocorrelation.png")
    folds = fold_table(judged)
    nested_runs.log(folds, report)
    mlflow.log_text(folds.to_csv(index=False), "folds.csv")
    mlflow.log_dict(dict(reports_of(s)), "quality.json")
    objects = Lake.connect(s).clean_digests(s.symbols)
    mlflow.log_dict(objects, "clean_bars.json")
    mlflow.log_input(_data(objects, uri), context="training")


def describe(trained: Population) -> None:
    """Keep what was trained on with the open run, for whoever looks for drift."""
    mlflow.log_text(trained.to_json(), live_drift.KEPT)


def explain(s: Settings, judged: Judged, report: Report, sample: pd.DataFrame, told: dict[str, str]) -> None:
    """Log what features do to forecasts, by a sample of feature rows, and the card of the version with tags `told`."""
    mlflow.log_figure(diagnostic_plots.effects(judged.models, sample, list(features.FEATURES)), "plots/effects.png")
    mlflow.log_text(model_card.card(s, judged.sessions, report, told), "model_card.md")


def _data(objects: dict[str, str], uri: str) -> Dataset:
    """Name the clean bars trained on; the digest changes with the bytes of any of their objects."""
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:16]
    source = resolve_dataset_source(uri.replace("s3a://", "s3://", 1))
    return MetaDataset(source, name="clean bars", digest=digest)  # type: ignore[abstract]  # MLflow checks it nowhere


def register(s: Settings, spark: SparkSession, scorer: Scorer, pipeline: PipelineModel, told: dict[str, str]) -> str:
    """Register scorer and pipeline as one version with the tags `told`, and return it."""
    run = tracking.open_run().info.run_id
    with tempfile.TemporaryDirectory() as folder:
        with Lake.connect(s).scratch(run) as scratch:
            engine.save(spark, pipeline, scratch, Path(folder) / "spark")
        return log_model.register(s, scorer, Path(folder) / "spark", told)
