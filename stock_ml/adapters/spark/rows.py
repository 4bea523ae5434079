"""Clean bars as Spark reads them, and their feature rows, made by the same kernel that the stream uses."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own name for it

from stock_ml.domain.bars import PRICES
from stock_ml.domain.calendar import Calendars
from stock_ml.domain.gaps import Minutes
from stock_ml.errors import StoreUnavailable, TooLittleHistory
from stock_ml.model import features

# told, since looking it up in the files takes seconds
BARS = "symbol string, ts timestamp, open double, high double, low double, close double, volume double, filled boolean"
FEW = 64 * 1024**2  # bytes of clean bars in the lake: some million of them
TABLE = "symbol string, bar_ts long, session string, last_close double, target double"


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


def cache_rows(rows: DataFrame) -> DataFrame:
    """Return feature rows to be read some hundred times: computed once, in as many pieces as there are hands.

    Of few bars in one process how they were made is forgotten: each of a fit's many small jobs would carry that plan
    along, for longer than it works. Many stay in columns, as rows they would need several times the memory; and what
    another process holds may be lost with it, and is made again by its plan.
    """
    context = rows.sparkSession.sparkContext
    pieces = rows.coalesce(context.defaultParallelism)
    few = context._jsc.isLocal() and _bytes_read(rows) <= FEW
    return pieces.localCheckpoint() if few else pieces.persist()


def _bytes_read(rows: DataFrame) -> int:
    """Return what Spark expects to read from files, by their sizes: nothing is read for it."""
    return int(rows._jdf.queryExecution().optimizedPlan().stats().sizeInBytes())


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
