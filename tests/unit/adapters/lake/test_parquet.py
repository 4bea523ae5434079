"""Clean bars are the same bytes for the same bars."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stock_ml.adapters.lake import parquet
from stock_ml.domain.bars import COLUMNS


def bars() -> pd.DataFrame:
    ts = pd.to_datetime([1_709_303_400, 1_709_303_460], unit="s", utc=True).astype("datetime64[ns, UTC]")
    prices = {"open": [1.0, 2.0], "high": [2.0, 3.0], "low": [0.5, 1.5], "close": [1.5, 2.5], "volume": [10.0, 0.0]}
    rest = {"symbol": "AAPL", "source": "sandbox", "filled": [False, True], "official_close": [np.nan, 2.25]}
    return pd.DataFrame({"ts": ts, **prices}).assign(**rest)[COLUMNS]


def test_bars_come_back_as_they_were_and_give_the_same_bytes_again():
    body = parquet.to_bytes(bars())
    pd.testing.assert_frame_equal(parquet.from_bytes(body), bars())
    assert parquet.to_bytes(parquet.from_bytes(body)) == body


def test_the_index_of_a_frame_leaves_no_trace():
    moved = bars().set_index(pd.Index([7, 9], name="row"))
    assert parquet.to_bytes(moved) == parquet.to_bytes(bars())


def test_no_bars_have_the_same_types():
    pd.testing.assert_series_equal(parquet.empty().dtypes, bars().dtypes)


def test_of_a_month_that_an_older_version_wrote_no_official_close_is_known():
    older = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(bars().drop(columns="official_close"), preserve_index=False), older)
    pd.testing.assert_frame_equal(parquet.from_bytes(older.getvalue()), bars().assign(official_close=np.nan))
