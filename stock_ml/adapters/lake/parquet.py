"""Bars as Parquet bytes: the same bars give the same bytes."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stock_ml.domain.bars import COLUMNS


def to_bytes(bars: pd.DataFrame) -> bytes:
    """Return bars as Parquet in the record's columns, in microseconds (Spark reads no finer) and without metadata."""
    schema = pa.schema([(name, _kind(name)) for name in COLUMNS])
    table = pa.Table.from_pandas(bars[COLUMNS], schema=schema, preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return sink.getvalue()


def from_bytes(body: bytes) -> pd.DataFrame:
    """Return the bars in Parquet bytes, `ts` as datetime64[ns, UTC]; of an older month no official close is known."""
    bars: pd.DataFrame = pq.read_table(io.BytesIO(body)).to_pandas()
    if "official_close" not in bars:
        bars["official_close"] = np.nan
    return bars.assign(ts=bars["ts"].astype("datetime64[ns, UTC]"))


def empty() -> pd.DataFrame:
    """Return no bars, in the record's columns and types."""
    schema = pa.schema([(name, _kind(name)) for name in COLUMNS])
    bars: pd.DataFrame = schema.empty_table().to_pandas()
    return bars.assign(ts=bars["ts"].astype("datetime64[ns, UTC]"))


def _kind(column: str) -> pa.DataType:
    kinds = {"symbol": pa.string(), "source": pa.string(), "filled": pa.bool_(), "ts": pa.timestamp("us", "UTC")}
    return kinds.get(column, pa.float64())
