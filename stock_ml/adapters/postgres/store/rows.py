"""What is stored: one row a bar, one row a forecast; as tables of many rows, and as single ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

PRICES = ("open", "high", "low", "close")
BOUNDS = ("lower_50", "upper_50", "lower_90", "upper_90", "lower_99", "upper_99")
NUMBERS = ("last_close", "predicted_close", *BOUNDS)
STRETCHES = ("stretch_50", "stretch_90", "stretch_99")
# a table's column is the database's column of the same name, whatever the order of either
BARS = np.dtype(
    [
        ("symbol", "S16"),
        ("ts", np.int64),
        *((name, np.float64) for name in (*PRICES, "volume")),
        ("filled", np.bool_),
        ("source", "S16"),
        ("late", np.bool_),
        ("outlier", np.bool_),
        ("revision", np.int16),
    ]
)
REPLACED_BARS = np.dtype(
    [
        *(("symbol", "S16"), ("ts", np.int64), ("revision", np.int16)),
        *((name, np.float64) for name in (*PRICES, "volume")),
        *(("outlier", np.bool_), ("late", np.bool_)),
    ]
)
FORECASTS = np.dtype(
    [
        ("symbol", "S16"),
        ("bar_ts", np.int64),
        ("horizon", np.int16),
        ("target_ts", np.int64),
        ("session", "M8[D]"),
        *((name, np.float64) for name in NUMBERS),
        ("model_version", "S32"),
        ("trained_until", np.float64),
        ("made_at", np.float64),
        ("late", np.bool_),
        *((name, np.float32) for name in STRETCHES),
    ]
)
UNFILLED = np.dtype([("symbol", "S16"), ("ts", np.int64)])
# what is read back; `place` is the symbol's place among those wanted, from 0
STORED_BARS = np.dtype(
    [
        *(("place", np.int32), ("ts", np.int64)),
        *((name, np.float64) for name in (*PRICES, "volume")),
        ("revision", np.int16),
    ]
)
STORED_FORECASTS = np.dtype(
    [
        *(("place", np.int32), ("bar_ts", np.int64), ("target_ts", np.int64)),
        *((name, np.float64) for name in BOUNDS),
        *((name, np.float32) for name in STRETCHES),
        ("close", np.float64),
    ]
)


class BarRow(NamedTuple):
    """Hold one minute as stored; `ts` in UTC epoch seconds. `late`: a newer bar of the symbol was known before it.

    `outlier`: the bars before it do not explain its prices; it stays as received, and no forecast is made from it.
    `revision` is the number of the version that the feed showed, 0 the first one.
    """

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    filled: bool
    source: str
    late: bool
    outlier: bool = False
    revision: int = 0


class ForecastRow(NamedTuple):
    """Hold one forecast as stored; times in UTC epoch seconds, `session` as YYYY-MM-DD, bounds as prices.

    `late`: the target was known when it was made. `stretch_90`: the log of how much wider than calibrated its interval
    at 90 % was by then.
    """

    symbol: str
    bar_ts: int
    horizon: int
    target_ts: int
    session: str
    last_close: float
    predicted_close: float
    lower_50: float
    upper_50: float
    lower_90: float
    upper_90: float
    lower_99: float
    upper_99: float
    model_version: str
    trained_until: float
    made_at: float
    late: bool
    stretch_50: float = 0.0
    stretch_90: float = 0.0
    stretch_99: float = 0.0


class OfficialCloseRow(NamedTuple):
    """Hold the official close of a session as stored; `ts` is when it closes in UTC epoch seconds.

    `session` is its date, YYYY-MM-DD.
    """

    symbol: str
    ts: int
    close: float
    volume: float
    source: str
    session: str


class OtherRows(NamedTuple):
    """Hold what a batch brings beside its bars and forecasts.

    `replaced` versions of bars, a table of REPLACED_BARS; official `closes`; and a table of UNFILLED, minutes that were
    filled and are not any more.
    """

    replaced: np.ndarray = np.empty(0, REPLACED_BARS)
    closes: Sequence[OfficialCloseRow] = ()
    unfilled: np.ndarray = np.empty(0, UNFILLED)


Table = Sequence[Any] | np.ndarray  # single rows, or a table of them


class Forecasts(NamedTuple):
    """Hold tables of FORECASTS: the champion's, and the challenger's, which are stored apart as shadows."""

    champion: np.ndarray = np.empty(0, FORECASTS)
    challenger: np.ndarray = np.empty(0, FORECASTS)


class Rows(NamedTuple):
    """Hold what is stored together: a table of BARS, and FORECASTS of the champion and, as shadows, of a challenger.

    `replaced` is a table of REPLACED_BARS: versions of bars of which newer ones are known already.
    """

    bars: np.ndarray
    forecasts: np.ndarray
    shadows: np.ndarray
    replaced: np.ndarray = np.empty(0, REPLACED_BARS)

    @classmethod
    def of(cls, bars: Table = (), forecasts: Table = (), shadows: Table = ()) -> "Rows":
        """Return tables of these rows: tables, or single BarRow and ForecastRow."""
        return cls(_table(bars, BARS), _table(forecasts, FORECASTS), _table(shadows, FORECASTS))

    @classmethod
    def concat(cls, *parts: "Rows") -> "Rows":
        """Return the rows of several parts, in their order."""
        return cls(*(np.concatenate(tables) for tables in zip(*parts, strict=True)))


def table(dtype: np.dtype, count: int, **columns: ArrayLike) -> np.ndarray:
    """Return a table of `count` rows, each column written by its name; a column that is not given is zero."""
    rows = np.zeros(count, dtype)
    for name, column in columns.items():
        rows[name] = column
    return rows


def _table(rows: Table, dtype: np.dtype) -> np.ndarray:
    if isinstance(rows, np.ndarray):
        return rows
    return table(dtype, len(rows), **{name: [getattr(row, name) for row in rows] for name in dtype.names or ()})
