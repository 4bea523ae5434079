"""Spark: a session that reads the lake, and feature rows made by the same kernel that the stream uses."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]  # it ships none
from pyspark import SparkContext
from pyspark.errors import AnalysisException
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml import disk, features
from stock_ml.bars import PRICES
from stock_ml.config import Settings
from stock_ml.errors import SparkLost, StoreUnavailable, TooLittleHistory
from stock_ml.gaps import Minutes
from stock_ml.sessions import Calendars

PACKAGE = Path(features.__file__).parent
# told, since looking it up in the files takes seconds
BARS = "symbol string, ts timestamp, open double, high double, low double, close double, volume double, filled boolean"
TABLE = "symbol string, bar_ts long, session string, last_close double, target double"


@contextmanager
def session(s: Settings) -> Iterator[SparkSession]:
    """Start Spark on the master of the settings, ready for `s3a://`, and stop it at the end.

    Raises SparkLost where its process ends before.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers run whatever python3 is first on PATH
    # behind Spark's own jars, whose netty is newer; named in spark.jars, each would be copied at every start
    os.environ.setdefault("SPARK_DIST_CLASSPATH", str(_jars(s) / "*"))
    if _here(s):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName(f"stock_ml {s.source}").master(s.spark_master)
    for name, value in _spark(s).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        _give_keys(spark, s)
        with tempfile.TemporaryDirectory() as folder:
            spark.sparkContext.addPyFile(str(_packed(Path(folder))))
            yield spark
    except (Py4JError, ConnectionError, EOFError) as error:
        disk.check(error)
        if isinstance(error, Py4JJavaError) or _lives(5):
            raise
        told = "another process, or the system for want of memory, ended it; STOCKML_SPARK_MEMORY is what it may take"
        raise SparkLost(f"Spark ended in the middle of its work ({told}): nothing was registered") from error
    finally:
        if _lives(0):
            spark.stop()
        else:
            _forget()


def _lives(patience: float) -> bool:
    """Say whether the JVM does not end within so many seconds; one that runs elsewhere is taken to live."""
    process = getattr(SparkContext._gateway, "proc", None)
    try:
        return process is None or process.wait(patience) is None
    except subprocess.TimeoutExpired:
        return True


def _forget() -> None:
    # what pyspark keeps of a JVM that is gone would be asked by the next session
    SparkContext._gateway.proc.stdin.close()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def _spark(s: Settings) -> dict[str, str]:
    conf = {
        "spark.driver.memory": s.spark_memory,
        "spark.executor.memory": s.spark_memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.shuffle.partitions": "16",
        "spark.sql.warehouse.dir": str(s.state / "spark-warehouse"),
    }
    loopback = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    jars = {"spark.jars": ",".join(str(jar) for jar in sorted(_jars(s).glob("*.jar")))}
    return conf | (loopback if _here(s) else {}) | ({} if _one_process(s) else jars)


def _jars(s: Settings) -> Path:
    return s.jars.resolve() / "s3a"


def _one_process(s: Settings) -> bool:
    return s.spark_master == "local" or s.spark_master.startswith("local[")


def _here(s: Settings) -> bool:
    return s.spark_master.startswith(("local", "spark://127.0.0.1"))


def _give_keys(spark: SparkSession, s: Settings) -> None:
    # after the start: what the builder is told stands among the JVM's arguments, for every user of the machine to read;
    # executors get it with each job
    hadoop = spark._jsc.hadoopConfiguration()
    for name, value in _s3a(s).items():
        hadoop.set(f"fs.s3a.{name}", value)


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
    return conf


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
        bars = (
            spark.read.option("recursiveFileLookup", "true")
            .option("pathGlobFilter", "*.parquet")
            .schema(BARS)
            .parquet(uri)
        )
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        raise TooLittleHistory(f"no clean bars below {uri}: run the DAG ingest_bars first") from error
    except Py4JJavaError as error:
        told = str(error.java_exception.getMessage())[:300]
        raise StoreUnavailable(f"Spark cannot read {uri} ({told}): see that the S3 service is up") from error
    wanted = bars.where(F.col("symbol").isin(*symbols))
    return wanted.select("symbol", F.col("ts").cast("long").alias("ts"), *PRICES, "volume", "filled")


def feature_rows(bars: DataFrame, schema: dict[str, Any], calendars: Calendars, limit: int) -> DataFrame:
    """Return the rows of `features.table` for each symbol by its own sessions, those with a known target."""

    def of_symbol(frame: pd.DataFrame) -> pd.DataFrame:
        ordered = frame.sort_values("ts", ignore_index=True)
        ordered["ts"] = pd.to_datetime(ordered["ts"], unit="s", utc=True)
        symbol = str(frame["symbol"].iloc[0])
        table = features.table(Minutes.of_frame(ordered), others.get(symbol, usual), schema, limit)
        table.insert(0, "symbol", symbol)
        return table[table["target"].notna()]

    # here once: each Python worker would load them anew
    usual, others = calendars.of(""), {symbol: calendars.of(symbol) for symbol, _ in calendars.others}
    columns = ", ".join([TABLE, *(f"{name} double" for name in schema["names"])])
    return bars.groupBy("symbol").applyInPandas(of_symbol, columns)


def save(spark: SparkSession, model: PipelineModel, scratch: str, folder: Path) -> None:
    """Save a pipeline into a local folder; executors elsewhere write to `scratch`, a place that they all reach."""
    if spark._jsc.isLocal():
        model.write().save(folder.resolve().as_uri())
        for checksum in folder.rglob(".*.crc"):
            checksum.unlink()
    else:
        model.write().save(scratch)
        _fetch(spark, scratch, folder)


def _fetch(spark: SparkSession, uri: str, folder: Path) -> None:
    path = spark._jvm.org.apache.hadoop.fs.Path
    remote = path(uri)
    system = remote.getFileSystem(spark._jsc.hadoopConfiguration())
    system.copyToLocalFile(False, remote, path(folder.resolve().as_uri()), True)
