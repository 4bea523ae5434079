"""Make one version: a pyfunc from code and JSON that needs no JVM, with the saved Spark pipeline beside it."""

import shutil
import tempfile
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema

from stock_ml import code_bundle, disk
from stock_ml.adapters.mlflow.registry import SCORER
from stock_ml.adapters.mlflow.tracking import translate_errors
from stock_ml.config import Settings
from stock_ml.model.scorer import Scorer

NEEDS = ("mlflow", "numpy", "pandas")


def register(s: Settings, scorer: Scorer, spark: Path, tags: dict[str, str]) -> str:
    """Store the scorer and the folder of its Spark pipeline with the open run, register them, return the version."""
    with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder, translate_errors(s.mlflow):
        path = Path(folder) / SCORER
        path.write_text(scorer.to_json())
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).parent / "pyfunc_model.py"),
            artifacts={"scorer": str(path), "spark": str(spark)},
            code_paths=[str(_code(Path(folder)))],
            signature=_signature(scorer.schema["names"]),
            input_example=_example(scorer.schema["names"]),
            pip_requirements=[f"{name}=={installed(name)}" for name in NEEDS],
            metadata={"schema_hash": scorer.schema["hash"]},
        )
        made = mlflow.register_model(logged.model_uri, s.mlflow_model, tags=tags)
        mlflow.MlflowClient(s.mlflow).update_registered_model(s.mlflow_model, description_of(s))
    return str(made.version)


def description_of(s: Settings) -> str:
    """Return what MLflow's page of the registered model says."""
    description = f"The close {s.horizon} min ahead, of bars from {s.source}. Alias champion: the version that serves."
    return f"SIMULATED: the bars are made up. {description}" if s.simulated else description


def _code(folder: Path) -> Path:
    for file, name in code_bundle.files(code_bundle.REGISTERED_MODEL):
        copy = folder / "code" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return folder / "code" / "stock_ml"


def _example(names: list[str]) -> pd.DataFrame:
    """Return a flat window's row at a close of 100."""
    return pd.DataFrame([dict.fromkeys(names, 0.0) | {"last_close": 100.0}])


def _signature(names: list[str]) -> ModelSignature:
    """Describe the table that a version takes and the table that it gives, one row a forecast."""
    prices = ["predicted_close", *(f"{side}_{p}" for p in (50, 90, 99) for side in ("lower", "upper"))]
    numbers = [ColSpec("double", name) for name in (*names, "last_close")]
    given = Schema([*numbers, ColSpec("string", "symbol", required=False)])
    return ModelSignature(given, Schema([ColSpec("double", name) for name in prices]))
