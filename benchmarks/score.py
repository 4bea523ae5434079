"""Rows a second of the light scorer, linear and boosted trees, beside the same Spark model through mlflow.pyfunc."""

import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.ml.feature import SQLTransformer
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from stock_ml.adapters import spark as engine
from stock_ml.config import load
from stock_ml.model import features
from stock_ml.model.scorer import Scorer, prices
from stock_ml.training import spark_models

KINDS, COUNTS, TURNS = ("linear", "gbt"), (1, 100, 10_000), 7
SCHEMA, WIDTHS, SEED = features.schema(30, 1), {"50": 0.7, "90": 1.7, "99": 3.0}, 1
NAMED = "SELECT *, log_return AS prediction FROM __THIS__"  # the column that MLflow's pyfunc of Spark looks for


def run(console: Console) -> dict[str, float]:
    """Fit both kinds, measure both ways on the same rows, and return the figures: those of the slower kind."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    rows = _rows(max(COUNTS))
    with engine.session(load(source="sandbox", spark_master="local[2]")) as spark:
        found = {kind: _measured(spark, kind, rows) for kind in KINDS}
    console.print(_table(found))
    return {
        "ms_10000": round(1e3 * max(light[10_000] for light, _ in found.values()), 2),
        "us_1": round(1e6 * max(light[1] for light, _ in found.values()), 1),
        "times_spark": round(min(spark[1] / light[1] for light, spark in found.values())),
    }


def _rows(count: int) -> pd.DataFrame:
    """Return features of the sizes that real ones have, and a target that two of them tell a little of."""
    random = np.random.default_rng(SEED)
    rows = pd.DataFrame(random.normal(0, 5e-4, (count, len(SCHEMA["names"]))), columns=SCHEMA["names"])
    rows["volatility"] = np.abs(rows["volatility"]) + 1e-4
    noise = random.normal(0, 5e-4, count)
    return rows.assign(target=0.3 * rows["level_tight"] - 0.1 * rows["return_1"] + noise, last_close=100.0)


def _measured(spark: SparkSession, kind: str, rows: pd.DataFrame) -> tuple[dict[int, float], dict[int, float]]:
    """Return the seconds that the scorer and the Spark model take for each count of rows."""
    model = spark_models.fit(spark.createDataFrame(rows).coalesce(2).persist(), SCHEMA["names"], kind)
    coefficients, intercept, trees = spark_models.parameters(model)
    scorer = Scorer(kind, coefficients, intercept, WIDTHS, SCHEMA, 0, trees=trees)  # type: ignore[arg-type]  # one of KINDS
    values, last = rows[SCHEMA["names"]].to_numpy(), rows["last_close"].to_numpy()
    asked = _pyfunc(model)

    def scored(n: int) -> object:
        return prices(last[:n], scorer.predict(values[:n]))

    light = {n: _seconds(partial(scored, n), 20_000 // n + 1) for n in COUNTS}
    return light, {n: _seconds(partial(asked, rows.head(n)), 3) for n in COUNTS}


def _pyfunc(model: PipelineModel) -> Callable[[pd.DataFrame], object]:
    named = PipelineModel([*model.stages, SQLTransformer(statement=NAMED)])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        mlflow.spark.save_model(named, path)
        loaded = mlflow.pyfunc.load_model(path)
        loaded.predict(pd.DataFrame(np.zeros((1, len(SCHEMA["names"]))), columns=SCHEMA["names"]))
    return lambda rows: loaded.predict(rows)


def _seconds(call: Callable[[], object], times: int) -> float:
    """Return the seconds of one call: the middle one of some turns of so many calls, after a first that warms up."""
    call()
    turns = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        for _ in range(times):
            call()
        turns.append((time.perf_counter() - begun) / times)
    return sorted(turns)[TURNS // 2]


def _table(found: dict[str, tuple[dict[int, float], dict[int, float]]]) -> Table:
    columns = ("µs", "µs a row", "rows/s", "Spark's pyfunc, ms", "times")
    table = Table("kind", "rows", *columns, title="a forecast with its intervals, in prices")
    for kind, (light, spark) in found.items():
        for n in COUNTS:
            cells = (f"{1e6 * light[n]:,.1f}", f"{1e6 * light[n] / n:,.3f}", f"{n / light[n]:,.0f}")
            table.add_row(kind, f"{n:,}", *cells, f"{1e3 * spark[n]:,.1f}", f"{spark[n] / light[n]:,.0f}")
    return table
