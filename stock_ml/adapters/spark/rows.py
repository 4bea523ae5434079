"""Clean bars as Spark reads them, and their feature rows, made by the same kernel that the stream uses."""

from collections.abc import Sequence

import pandas as pd
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.domain.bars import PRICES
from stock_ml.domain.calendar import Calendars
from stock_ml.errors import StoreUnavailable, TooLittleHistory
from stock_ml.model import features
from stock_ml.model.feature_schema import FeatureSchema

# given to Spark, since reading it from the files takes seconds
BARS = (
    "symbol string, ts timestamp, open double, high double, low double, close double, volume double, filled boolean, "
    "official_close double"
)
FEW = 64 * 1024**2  # bytes of clean bars in the lake: some million of them
TABLE = "symbol string, bar_ts long, session string, last_close double, target double"


def read_bars(spark: SparkSession, uri: str, symbols: Sequence[str]) -> DataFrame:
    """Read clean bars of these symbols below `uri`; `ts` in epoch seconds.

    Raises TooLittleHistory where there are none, StoreUnavailable where S3 does not answer.
    """
    try:
        # the files hold symbol and source too: their copies in the path are not read
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
        problem = str(error.java_exception.getMessage())[:300]
        raise StoreUnavailable(f"Spark cannot read {uri} ({problem}): see that the S3 service is up") from error
    wanted = bars.where(F.col("symbol").isin(*symbols))
    return wanted.select("symbol", F.col("ts").cast("long").alias("ts"), *PRICES, "volume", "filled", "official_close")


def cache_rows(rows: DataFrame) -> DataFrame:
    """Compute feature rows once, since a fit reads them some hundred times; one partition for each core.

    Small feature sets in one process are checkpointed, so that Spark does not carry the query plan through every job of
    a fit. Large ones are cached in columns, as rows would need several times the memory. In a cluster the plan is kept,
    so that Spark can compute again what an executor lost.
    """
    context = rows.sparkSession.sparkContext
    pieces = rows.coalesce(context.defaultParallelism)
    few = context._jsc.isLocal() and _bytes_read(rows) <= FEW
    return pieces.localCheckpoint() if few else pieces.persist()


def _bytes_read(rows: DataFrame) -> int:
    """Return what Spark expects to read from files, by their sizes: nothing is read for it."""
    return int(rows._jdf.queryExecution().optimizedPlan().stats().sizeInBytes())


def feature_rows(bars: DataFrame, schema: FeatureSchema, calendars: Calendars, limit: int) -> DataFrame:
    """Return the rows of `features.table` for each symbol by its own sessions, those with a known target."""

    def of_symbol(frame: pd.DataFrame) -> pd.DataFrame:
        ordered = frame.sort_values("ts", ignore_index=True)
        ordered["ts"] = pd.to_datetime(ordered["ts"], unit="s", utc=True)
        symbol = str(frame["symbol"].iloc[0])
        table = features.table_of_bars(ordered, others.get(symbol, usual), schema, limit)
        table.insert(0, "symbol", symbol)
        return table[table["target"].notna()]

    # loaded here once: each Python worker would load them again
    usual, others = calendars.of(""), {symbol: calendars.of(symbol) for symbol, _ in calendars.others}
    columns = ", ".join([TABLE, *(f"{name} double" for name in schema["names"])])
    return bars.groupBy("symbol").applyInPandas(of_symbol, columns)
