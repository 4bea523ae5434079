"""A fitted pipeline as files in a local folder, wherever Spark runs."""

from pathlib import Path

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from stock_ml.errors import SparkLost


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
    if spark._jvm is None:
        raise SparkLost("Spark ended before the fitted pipeline was copied")
    path = spark._jvm.org.apache.hadoop.fs.Path
    remote = path(uri)
    system = remote.getFileSystem(spark._jsc.hadoopConfiguration())
    system.copyToLocalFile(False, remote, path(folder.resolve().as_uri()), True)
