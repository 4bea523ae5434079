"""One training on what is stored, step by step, told as lines of JSON; a process of its own, so that it has a peak."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import SparkSession

from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import tracking
from stock_ml.config import load
from stock_ml.model import features
from stock_ml.training import mlflow_logging, spark_models
from stock_ml.training import train as training
from stock_ml.training.metrics_report import build_scorer, metrics_report
from stock_ml.training.served_fit import with_served_fit
from stock_ml.training.walk_forward import History, judge_intervals, walk_forward

KIND = "linear"


def main(ready: str) -> None:
    """Train on all stored bars, then fit MLlib alone on the same feature rows, which are left as Parquet in `ready`."""
    s = load()
    schema = features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)
    uri = Lake.connect(s).clean_uri()
    with engine.session(s) as spark:
        first = training._rows(s.model_copy(update={"symbols": s.symbols[:1]}), spark, schema, uri)
        spark_models.fit(first, schema["names"], KIND)  # what starts once: Python workers, classes, the S3 client
        first.unpersist(blocking=True)
        with _timed("load and features"):
            rows = training._rows(s, spark, schema, uri)
            count = rows.count()
        with _timed("fit"):
            spark_models.fit(rows, schema["names"], KIND)
        with _timed("walk-forward"):
            judged = judge_intervals(walk_forward(rows, schema, (KIND,), History(0, s.train_sessions)))
            metrics_report(judged)
            result = with_served_fit(judged, rows, schema, KIND)
        with _timed("register"), tracking.run(s, {}):
            mlflow_logging.register(s, spark, build_scorer(KIND, result, schema), result.pipelines[KIND], {})
        print(json.dumps({"rows": count}), flush=True)
        rows.select("target", *schema["names"]).write.parquet(ready)
        rows.unpersist(blocking=True)
        with _timed("MLlib's fit alone"):
            _bare(spark, ready, schema["names"])


def _bare(spark: SparkSession, ready: str, names: list[str]) -> None:
    rows = VectorAssembler(inputCols=names, outputCol="features").transform(spark.read.parquet(ready))
    LinearRegression(featuresCol="features", labelCol="target").fit(rows)


@contextmanager
def _timed(step: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(json.dumps({"step": step, "seconds": time.monotonic() - begun}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
