"""The same 1,000 messages: a Spark model asked for each one, MLflow's pyfunc on that model, and this consumer."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import orjson
import pandas as pd
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from benchmarks._live import market, publish, running_process, stage
from stock_ml.adapters import spark as engine
from stock_ml.adapters.broker import Publisher, read_back
from stock_ml.config import Settings

SYMBOLS, MINUTES, ROUNDS, WARM_UP = 10, 100, 11, 20
INPUTS = ["open", "high", "low", "volume"]  # what the seed's model is given
Predict = Callable[[pd.DataFrame], float]


def run(console: Console) -> dict[str, float]:
    """Measure each way from its first message to its last forecast, and return the figures."""
    symbols = tuple(f"S{i}" for i in range(SYMBOLS))
    with stage(symbols) as s:
        with running_process(s, "_consumer") as consumer:
            product = _consumer_seconds(s, consumer.wait)
        with engine.session(s) as spark, _models(spark, s) as (seed, pyfunc):
            times = {"Spark model, each message": _each(s, seed), "mlflow.pyfunc, each message": _each(s, pyfunc)}
    times["this consumer, stored and committed"] = product
    table = Table("", "ms a message", "times this", title=f"{SYMBOLS * MINUTES:,} messages")
    for name, seconds in times.items():
        table.add_row(name, f"{1000 * seconds:.3f}", f"{seconds / product:,.0f}")
    console.print(table)
    seed_s, pyfunc_s, _ = times.values()
    return {
        "times_seed": round(seed_s / product),
        "times_pyfunc": round(pyfunc_s / product),
        "consumer_us": round(1e6 * product),
    }


def _consumer_seconds(s: Settings, wait: Callable[[int], float]) -> float:
    """Return the seconds a message from the first one published to the last commit: the middle one of some rounds."""
    publisher, minutes, seconds = Publisher.connect(s), list(market(s.symbols, ROUNDS * MINUTES)), []
    for number in range(ROUNDS):
        begun = time.monotonic()
        for bars in minutes[number * MINUTES :][:MINUTES]:
            publish(publisher, bars)
        publisher.flush(30)
        seconds.append(wait((number + 1) * SYMBOLS * MINUTES) - begun)
    return sorted(seconds)[ROUNDS // 2] / (SYMBOLS * MINUTES)


def _each(s: Settings, predict: Predict) -> float:
    """Return the seconds a message of reading it from the topic and asking the model; some before it warm up."""
    values = [orjson.loads(value) for value in read_back(s, s.kafka_topic) if value]
    for value in values[:WARM_UP]:
        predict(pd.DataFrame([value])[INPUTS])
    chosen = values[-SYMBOLS * MINUTES :]
    begun = time.monotonic()
    for value in chosen:
        predict(pd.DataFrame([value])[INPUTS])
    return (time.monotonic() - begun) / len(chosen)


@contextmanager
def _models(spark: SparkSession, s: Settings) -> Iterator[tuple[Predict, Predict]]:
    """Give the same fitted Spark pipeline, as the seed asks it and through MLflow."""
    bars = pd.DataFrame([orjson.loads(value) for value in read_back(s, s.kafka_topic) if value])
    assembler = VectorAssembler(inputCols=INPUTS, outputCol="features")
    pipeline = Pipeline(stages=[assembler, LinearRegression(labelCol="close")])
    model = pipeline.fit(spark.createDataFrame(bars[[*INPUTS, "close"]]))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        mlflow.spark.save_model(model, path)
        loaded = mlflow.pyfunc.load_model(path)
        yield (lambda row: _transformed(spark, model, row)), (lambda row: float(loaded.predict(row)[0]))


def _transformed(spark: SparkSession, model: PipelineModel, row: pd.DataFrame) -> float:
    return float(model.transform(spark.createDataFrame(row)).select("prediction").collect()[0][0])
