"""Spark: a session that reads the lake, and feature rows made by the same kernel that the stream uses."""

import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]  # it ships none
from pyspark.errors import AnalysisException
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml import features
from stock_ml.bars import PRICES
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable, TooLittleHistory
from stock_ml.gaps import Minutes
from stock_ml.sessions import sessions

PACKAGE = Path(features.__file__).parent
TABLE = "symbol string, bar_ts long, session string, last_close double, target double"


@contextmanager
def session(s: Settings) -> Iterator[SparkSession]:
    """Start Spark on the master of the settings, ready for `s3a://`, and stop it at the end."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers run whatever python3 is first on PATH
    if _here(s):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName(f"stock_ml {s.source}").master(s.spark_master)
    for name, value in (_spark(s) | _s3a(s)).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        with tempfile.TemporaryDirectory() as folder:
            spark.sparkContext.addPyFile(str(_packed(Path(folder))))
            yield spark
    finally:
        spark.stop()


def _spark(s: Settings) -> dict[str, str]:
    jars = s.jars.resolve() / "s3a"
    conf = {
        "spark.driver.memory": s.spark_memory,
        "spark.executor.memory": s.spark_memory,
        "spark.jars": ",".join(
            str(jar) for jar in sorted(jars.glob("*.jar"))
        ),  # after Spark's own, whose netty is newer
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.shuffle.partitions": "16",
        "spark.sql.warehouse.dir": str(s.state / "spark-warehouse"),
    }
    loopback = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return conf | (loopback if _here(s) else {})


def _here(s: Settings) -> bool:
    return s.spark_master.startswith(("local", "spark://127.0.0.1"))


def _s3a(s: Settings) -> dict[str, str]:
    conf = {
        "endpoint": s.s3,
        "endpoint.region": s.s3_region,
        "path.style.access": "true",
        "connection.ssl.enabled": str(s.s3.startswith("https")).lower(),
        "attempts.maximum": "3",
        "retry.limit": "3",
        "change.detection.mode": "none",
    }
    if s.s3_access_key and s.s3_secret_key:
        conf["access.key"] = s.s3_access_key.get_secret_value()
        conf["secret.key"] = s.s3_secret_key.get_secret_value()
        conf["aws.credentials.provider"] = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in conf.items()}


def _packed(folder: Path) -> Path:
    """Zip the library's top level for Spark's Python workers, which need not share this folder."""
    path = folder / "stock_ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(PACKAGE.glob("*.py")):
            archive.write(file, f"stock_ml/{file.name}")
    return path


def read_bars(spark: SparkSession, uri: str, symbols: Sequence[str]) -> DataFrame:
    """Read clean bars of these symbols below `uri`; `ts` in epoch seconds.

    Raises TooLittleHistory where there are none, StoreUnavailable where S3 does not answer.
    """
    try:
        # symbol and source stand in the files too: the path's copies of them are not looked at
        bars = spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet").parquet(uri)
    except AnalysisException as error:
        if error.getCondition() not in {"PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA"}:
            raise
        raise TooLittleHistory(f"no clean bars below {uri}: run the DAG ingest_bars first") from error
    except Py4JJavaError as error:
        told = str(error.java_exception.getMessage())[:300]
        raise StoreUnavailable(f"Spark cannot read {uri} ({told}): see that the S3 service is up") from error
    wanted = bars.where(F.col("symbol").isin(*symbols))
    return wanted.select("symbol", F.col("ts").cast("long").alias("ts"), *PRICES, "volume", "filled")


def feature_rows(bars: DataFrame, schema: dict[str, Any], exchange: str, limit: int) -> DataFrame:
    """Return the rows of `features.table` for each symbol, those with a known target."""

    def of_symbol(frame: pd.DataFrame) -> pd.DataFrame:
        ordered = frame.sort_values("ts", ignore_index=True)
        ordered["ts"] = pd.to_datetime(ordered["ts"], unit="s", utc=True)
        table = features.table(Minutes.of_frame(ordered), sessions(exchange), schema, limit)
        table.insert(0, "symbol", frame["symbol"].iloc[0])
        return table[table["target"].notna()]

    columns = ", ".join([TABLE, *(f"{name} double" for name in schema["names"])])
    return bars.groupBy("symbol").applyInPandas(of_symbol, columns)


def save(spark: SparkSession, model: PipelineModel, scratch: str, folder: Path) -> None:
    """Save a pipeline into a local folder by way of `scratch`, a folder that every executor reaches, then emptied."""
    model.write().overwrite().save(scratch)
    path = spark._jvm.org.apache.hadoop.fs.Path
    remote = path(scratch)
    system = remote.getFileSystem(spark._jsc.hadoopConfiguration())
    system.copyToLocalFile(True, remote, path(folder.resolve().as_uri()), True)
