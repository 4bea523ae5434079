"""The bar: its record, and the rules that every bar must keep."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stock_ml.errors import BadBars

MINUTE = 60
PRICES = ["open", "high", "low", "close"]
COLUMNS = ["symbol", "ts", *PRICES, "volume", "filled", "source", "official_close"]
_RULE_COLUMNS = [*PRICES, "open", "close", "volume"]  # the column that each of the _rules is about
LARGEST_PRICE, LARGEST_VOLUME = 1e9, 1e15  # beyond any market; sums and squares of such numbers stay finite
RULE = "prices must be positive and at most 1e9 with low <= open, close <= high, and volume from 0 to 1e15"
LAST_REVISION = 32_767  # what a smallint of the database holds
UTC_STAMPS = "datetime64[ns, UTC]"
_FIRST = Lock()  # threads that import pandera at the same time may wait for each other for ever
_DTYPES = dict.fromkeys((*PRICES, "volume", "official_close"), "float64")
_DTYPES |= {"symbol": "object", "ts": UTC_STAMPS, "filled": "bool", "source": "object"}


class Bar(NamedTuple):
    """Hold one received minute; `ts` is the bar's open in UTC epoch seconds, known at `ts + 60`.

    `revision` numbers the values that a feed showed of the minute: 0 are the first ones.
    """

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str
    revision: int = 0


def validate(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` as they came, or refuse them by the schema below.

    `ts` must be UTC, on the minute, ascending and unique per symbol. Prices and volume must keep the RULE, and so must
    `official_close`, which is NaN but in a session's last bar.
    Raises BadBars naming the first bad symbol, time and column.
    """
    if _are_good(bars):
        return bars
    with _FIRST:
        from pandera.errors import SchemaError  # takes a second, and good bars need none of it

        schema = _schema()
    try:
        schema.validate(bars)
    except SchemaError as error:
        raise BadBars(_reason(bars, str(error))) from None
    return bars


def _are_good(bars: pd.DataFrame) -> bool:
    """Say without the schema whether bars keep all of it, where they are as this project makes them."""
    if list(bars.columns) != COLUMNS or any(str(bars[name].dtype) != kind for name, kind in _DTYPES.items()):
        return False
    return not bars[["symbol", "ts", "source"]].isna().to_numpy().any() and bool((_bad(bars) == "").all())


@cache
def _schema() -> Any:
    """Return the pandera schema of clean bars: the columns with their types, and the rules across them."""
    import pandera.pandas as pa

    kinds: dict[str, Any] = {"symbol": object, "ts": UTC_STAMPS, "filled": bool, "source": object}
    columns = {name: pa.Column(kinds.get(name, np.float64), nullable=name == "official_close") for name in COLUMNS}
    return pa.DataFrameSchema(columns, checks=pa.Check(lambda bars: pd.Series(_bad(bars) == "", bars.index)))


def _reason(bars: pd.DataFrame, error: str) -> str:
    missing = [c for c in COLUMNS if c not in bars.columns]
    if missing:
        return f"bars lack the columns {missing}; a bar has {COLUMNS}"
    if str(bars["ts"].dtype) != UTC_STAMPS or set(bars[[*PRICES, "volume"]].dtypes) != {np.dtype(float)}:
        return f"bars are not of the record's types: {error}"
    bad = _bad(bars)
    at = int(np.argmax(bad != ""))
    row, column = bars.iloc[at], bad[at]
    return f"bad {column} in the bar of {row.symbol} at {row.ts}: {row[column]!r}" if column else error


def _bad(bars: pd.DataFrame) -> np.ndarray:
    """Return for each bar the first column that breaks a rule, "" where none does, (n,)."""
    marks = broken(bars[[*PRICES, "volume"]].to_numpy(np.float64))
    ts = bars["ts"].to_numpy("datetime64[ns]").astype(np.int64)
    off = ts % (MINUTE * 10**9) != 0
    before = pd.Series(ts).groupby(bars["symbol"].to_numpy(), sort=False).shift(fill_value=np.iinfo(np.int64).min)
    marks[(marks == "") & (off | (ts <= before.to_numpy()))] = "ts"
    official = bars["official_close"].to_numpy(np.float64)
    marks[(marks == "") & ~(np.isnan(official) | ((official > 0) & (official <= LARGEST_PRICE)))] = "official_close"
    return np.asarray(marks)


def broken(values: np.ndarray) -> np.ndarray:
    """Return for each row of (n, 5) open, high, low, close, volume the first column that breaks a rule, "" if none."""
    return np.select([~passed for passed in _rules(*values.T)], _RULE_COLUMNS, default="").astype(object)


def valid(numbers: np.ndarray) -> np.ndarray:
    """Return a mask of the bars that keep every rule, (n,), from their open, high, low, close and volume, (5, n)."""
    return np.asarray(np.logical_and.reduce(_rules(*numbers)))


def bad_column(numbers: Sequence[float]) -> str:
    """Return the first column that breaks a rule, "" if none, of one bar's open, high, low, close and volume."""
    passed = _rules(*numbers)
    return "" if all(passed) else _RULE_COLUMNS[passed.index(False)]


def _rules(opened: Any, high: Any, low: Any, close: Any, volume: Any) -> tuple[Any, ...]:
    """Return whether each rule is kept, in the order of _RULE_COLUMNS; of five floats or of five arrays alike."""
    prices = [(price > 0) & (price <= LARGEST_PRICE) for price in (opened, high, low, close)]
    order = [(low <= price) & (price <= high) for price in (opened, close)]
    return (*prices, *order, (volume >= 0) & (volume <= LARGEST_VOLUME))


def largest_volume(rows: pd.DataFrame) -> np.ndarray:
    """Return the positions of one row for each `ts`, ascending, whatever the order of the rows.

    Of different rows for one minute the one with the largest volume is taken: a minute's volume only grows while its
    trades are reported, so that row saw the most of them. Equal volumes are decided by high, low, open and close.
    """
    ts = rows["ts"].to_numpy()
    order = np.argsort(ts, kind="stable")
    if (np.diff(ts[order]) == 0).any():
        order = np.lexsort([rows[name].to_numpy() for name in ("close", "open", "low", "high", "volume", "ts")])
    last = np.append(np.diff(ts[order]) != 0, [True] * min(len(ts), 1)).astype(bool)
    return np.asarray(order[last])


def distinct(times: np.ndarray) -> np.ndarray:
    """Return the distinct ones of times, ascending, (n,); times of bars are nearly sorted, which `unique` ignores."""
    ordered = np.sort(times, kind="stable")
    return np.asarray(ordered[np.append(np.diff(ordered) != 0, [True] * min(len(ordered), 1)).astype(bool)])


def epoch(ts: pd.Series) -> np.ndarray:
    """Return UTC stamps as epoch seconds, int64 of shape (n,)."""
    return ts.to_numpy("datetime64[s]").astype(np.int64)


def utc(seconds: float) -> datetime:
    """Return epoch seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
