"""The record: one minute of one symbol, and the one gate that every bar passes."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.errors import BadBars

MINUTE = 60
PRICES = ["open", "high", "low", "close"]
COLUMNS = ["symbol", "ts", *PRICES, "volume", "filled", "source"]


class Bar(NamedTuple):
    """Hold one received minute; `ts` is the bar's open in UTC epoch seconds, known at `ts + 60`."""

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str


def validate(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` as they came, or refuse them.

    `ts` must be UTC, on the minute, ascending and unique per symbol; prices finite and positive with
    `low <= open, close <= high`; volume finite and not negative.
    Raises BadBars naming the first bad symbol, time and column.
    """
    missing = [c for c in COLUMNS if c not in bars.columns]
    if missing:
        raise BadBars(f"bars lack the columns {missing}; a bar has {COLUMNS}")
    if str(bars["ts"].dtype) != "datetime64[ns, UTC]":
        raise BadBars(f"column ts is {bars['ts'].dtype}, it must be datetime64[ns, UTC]")
    for column, bad in _broken_rules(bars):
        if bad.any():
            row = bars.loc[bad].iloc[0]
            raise BadBars(f"bad {column} in the bar of {row.symbol} at {row.ts}: {row[column]!r}")
    return bars


def _broken_rules(bars: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    prices, volume = bars[PRICES], bars["volume"]
    rules = [(c, ~(np.isfinite(prices[c]) & (prices[c] > 0))) for c in PRICES]
    rules += [(c, (prices[c] > prices["high"]) | (prices[c] < prices["low"])) for c in ("open", "close")]
    rules.append(("volume", ~(np.isfinite(volume) & (volume >= 0))))
    rules.append(("ts", bars["ts"] != bars["ts"].dt.floor("min")))
    rules.append(("ts", bars.groupby("symbol", observed=True)["ts"].diff() <= pd.Timedelta(0)))
    return rules


def epoch(ts: pd.Series) -> np.ndarray:
    """Return UTC stamps as epoch seconds, int64 of shape (n,)."""
    return ts.to_numpy("datetime64[s]").astype(np.int64)


def utc(seconds: float) -> datetime:
    """Return epoch seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
