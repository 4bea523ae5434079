"""Clean bars are the same bytes for the same bars."""

import pandas as pd

from stock_ml.adapters.lake import parquet
from stock_ml.domain.bars import COLUMNS


def bars() -> pd.DataFrame:
    ts = pd.to_datetime([1_709_303_400, 1_709_303_460], unit="s", utc=True).astype("datetime64[ns, UTC]")
    prices = {"open": [1.0, 2.0], "high": [2.0, 3.0], "low": [0.5, 1.5], "close": [1.5, 2.5], "volume": [10.0, 0.0]}
    rest = {"symbol": "AAPL", "source": "sandbox", "filled": [False, True]}
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
