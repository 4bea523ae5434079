"""A Spark session that reads the lake, ended with its block; what it needs to know at its start."""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext
from pyspark.sql import SparkSession

from stock_ml import code_bundle, disk
from stock_ml.adapters.spark.jvm_class_cache import ClassArchive
from stock_ml.config import Settings
from stock_ml.errors import SparkLost

# One process needs no heartbeats, and sending one may end its thread (SPARK-59451, open in 4.2): two minutes later
# Spark would declare the running tasks lost
ONE_PROCESS = {"spark.executor.heartbeatInterval": "1h", "spark.network.timeout": "2h"}
ARCHIVE_SECONDS = 60  # seconds for the JVM to write its classes at its end; it takes ten


@contextmanager
def session(s: Settings, archives: bool = True) -> Iterator[SparkSession]:
    """Start Spark on the master of the settings, ready for `s3a://`, and stop it at the end.

    With `archives` the first session also writes Java's class archive for later ones, which takes ten seconds at its
    start and as many at its end. Raises SparkLost where its process ends before.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers run whatever python3 is first on PATH
    # behind Spark's own jars, whose netty is newer; named in spark.jars, each would be copied at every start
    os.environ.setdefault("SPARK_DIST_CLASSPATH", str(_jars(s) / "*"))
    if _is_local(s):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    archive = _archive(s, archives)
    spark = _start(s, archive.options() if archive else "")
    succeeded = False
    try:
        _set_s3_keys(spark, s)
        with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder:
            spark.sparkContext.addPyFile(str(_zip_code(Path(folder))))
            yield spark
            succeeded = True
    except (Py4JError, ConnectionError, EOFError) as error:
        disk.check(error)
        if isinstance(error, Py4JJavaError) or _is_running(5):
            raise
        cause = "another process, or the system for want of memory, ended it; STOCKML_SPARK_MEMORY is what it may take"
        raise SparkLost(f"Spark ended in the middle of its work ({cause}): nothing was registered") from error
    finally:
        if _is_running(0):
            spark.stop()
            if archive and archive.unfinished:
                archive.keep(_end_jvm(succeeded))
        else:
            _discard_gateway()


def _start(s: Settings, java_options: str) -> SparkSession:
    builder = SparkSession.builder.appName(f"stock_ml {s.source}").master(s.spark_master)
    options = f'{java_options} -Djava.io.tmpdir="{disk.temporary_folder()}"'.strip()
    for name, value in (_spark(s) | {"spark.driver.extraJavaOptions": options}).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _jvm_process() -> "subprocess.Popen[bytes] | None":
    """Return the JVM that this process started, None where Spark runs elsewhere."""
    return getattr(SparkContext._gateway, "proc", None)


def _is_running(seconds: float) -> bool:
    """Say whether the JVM does not end within so many seconds; one that runs elsewhere is taken to run."""
    process = _jvm_process()
    try:
        return process is None or process.wait(seconds) is None
    except subprocess.TimeoutExpired:
        return True


def _end_jvm(succeeded: bool) -> bool:
    """End the JVM, at once unless all went well, and say whether it ended well."""
    process = _jvm_process()
    if process is None:
        return False
    _close_input(process) if succeeded else process.kill()
    try:
        return process.wait(ARCHIVE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    finally:
        _discard_gateway()


def _archive(s: Settings, may_write: bool) -> ClassArchive | None:
    """Return the archive of a Spark in one process, None where it runs elsewhere: its class path is not known."""
    spark = Path(pyspark.__file__).parent / "jars"
    class_path = [*spark.iterdir(), *_jars(s).glob("*.jar")]
    return ClassArchive.of(s.jars.resolve(), class_path, may_write) if _one_process(s) else None


def _discard_gateway() -> None:
    # else the next session would use the JVM that has ended
    if process := _jvm_process():
        _close_input(process)
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def _close_input(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()


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
        "spark.local.dir": str(disk.temporary_folder()),
        "spark.sql.warehouse.dir": str(s.state / "spark-warehouse"),
    }
    loopback = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    jars = {"spark.jars": ",".join(str(jar) for jar in sorted(_jars(s).glob("*.jar")))}
    return conf | (loopback if _is_local(s) else {}) | (ONE_PROCESS if _one_process(s) else jars)


def _jars(s: Settings) -> Path:
    return s.jars.resolve() / "s3a"


def _one_process(s: Settings) -> bool:
    return s.spark_master == "local" or s.spark_master.startswith("local[")


def _is_local(s: Settings) -> bool:
    return s.spark_master.startswith(("local", "spark://127.0.0.1"))


def _set_s3_keys(spark: SparkSession, s: Settings) -> None:
    # after the start: the builder's options are arguments of the JVM, which every user of the machine can read;
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


def _zip_code(folder: Path) -> Path:
    """Zip the code that Spark's Python workers run: they need not share this folder."""
    path = folder / "stock_ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file, name in code_bundle.files(code_bundle.SPARK_WORKER):
            archive.write(file, name)
    return path
