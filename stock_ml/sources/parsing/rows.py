"""One row as received: its timestamp label, its five numbers, and whether they are a bar."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from stock_ml.domain.bars import LARGEST_PRICE, MINUTE, PRICES, broken
from stock_ml.domain.bars import RULE as BAR_RULE
from stock_ml.domain.ticks import tick
from stock_ml.errors import BadFile

VALUES = [*PRICES, "volume"]
RULE = f"breaks a rule: {BAR_RULE}"
FIRST_YEAR, LAST_YEAR = 2000, 2035  # what the calendars know
EARLIEST, LATEST = (int(np.datetime64(str(year), "s").astype(int)) for year in (FIRST_YEAR, LAST_YEAR + 1))
NO_TRADE, OFF_MINUTE, NO_VOLUME = "no trade", "stamp", "unknown volume"  # in `broken`, beside the names of columns
NULLS = (None, "", "null")
ROUNDING = 1e-6  # of the price: what single precision and an adjustment's division leave
Row = tuple[datetime, list[float]]


def row(stamp: str, values: list[str], where: str) -> Row:
    """Return a row of text as label and numbers, null as NaN. Raises BadFile naming where and the column."""
    return _label(stamp, where), [
        _number(text, f"{where}, column {name}") for name, text in zip(VALUES, values, strict=True)
    ]


def frame_of_rows(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a frame of label, values, `broken` and `clipped`."""
    values = np.array([row for _, row in rows], dtype=np.float64).reshape(-1, len(VALUES))
    return frame_of(np.array([label for label, _ in rows], dtype="datetime64[ns]"), values)


def frame_of(labels: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Return labels datetime64[ns] (n,) and values (n, 5), null as NaN, as a frame with `broken` and `clipped`.

    `broken` is "" for a bar, else why the row is none: NO_TRADE, OFF_MINUTE, or the first column that breaks a rule.
    """
    values, clipped = clip_rounding(values)
    columns = dict(zip(VALUES, values.T, strict=True))
    return pd.DataFrame({"label": labels, **columns, "broken": _defects(labels, values), "clipped": clipped})


def stamped(columns: Sequence[Sequence[Any]], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return stamps in UTC epoch seconds (n,) and values (n, 5), null as NaN, of six columns. Raises BadFile."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise BadFile(f"{where}: stamp, {', '.join(VALUES)} differ in length: {lengths}")
    for name, column in zip(["timestamp", *VALUES], columns, strict=True):
        allowed = (int,) if name == "timestamp" else (int, float, type(None))
        bad = next((value for value in column if type(value) not in allowed), None)
        if bad is not None or (name == "timestamp" and None in column):
            raise BadFile(f"{where}, {name}: {bad!r:.60} is no number")
    wrong = next((stamp for stamp in columns[0] if not EARLIEST <= stamp < LATEST), None)
    if wrong is not None:
        raise BadFile(f"{where}: the stamp {wrong} is not of the years {FIRST_YEAR} to {LAST_YEAR}")
    ts = np.array(columns[0], dtype=np.int64)
    return ts, np.array(columns[1:], dtype=np.float64).T.reshape(-1, len(VALUES))


def traded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are of a whole minute with a trade, broken ones among them."""
    return frame[~frame["broken"].isin((NO_TRADE, OFF_MINUTE, NO_VOLUME))]


def clip_rounding(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widen high and low to open and close where a rounding parts them; return values (n, 5) and a mask (n,).

    A rounding is at most half the tick on which high or low stands, or 1e-6 of the price. Larger breaks stay.
    """
    opened, high, low, close = values[:, :4].T
    with np.errstate(invalid="ignore"):
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        at = np.flatnonzero(((top > high) | (low > bottom)) & (values[:, :4] > 0).all(axis=1))
        at = at[(values[at, :4] <= LARGEST_PRICE).all(axis=1)]
    at = at[(top[at] - high[at] <= _rounding(high[at])) & (low[at] - bottom[at] <= _rounding(low[at]))]
    clipped = np.isin(np.arange(len(values)), at)
    if len(at):
        values = values.copy()
        values[at, 1], values[at, 2] = np.maximum(high[at], top[at]), np.minimum(low[at], bottom[at])
    return values, clipped


def _rounding(price: np.ndarray) -> np.ndarray:
    return np.maximum(ROUNDING * price, tick(price) / 2 + 1e-9 * price)  # 10.005 - 10 is a little more than 0.005


def _defects(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    defects = broken(values)
    defects[labels.astype("datetime64[ns]").astype(np.int64) % (MINUTE * 10**9) != 0] = OFF_MINUTE
    no_price, no_volume = np.nan_to_num(values[:, :4]) == 0, np.isnan(values[:, 4])
    empty = no_price.all(axis=1) & (no_volume | (values[:, 4] == 0))
    defects[empty | (no_volume & (defects == "volume"))] = NO_TRADE
    return defects


def _label(text: str, where: str) -> datetime:
    try:
        label = datetime.fromisoformat(text)
    except ValueError:
        label = None
    if label is None or len(text) != 19 or text[10] != " " or label.tzinfo:
        raise BadFile(f"{where}, column label: {text!r:.60} is no minute like 2024-03-01 09:30:00")
    if not FIRST_YEAR <= label.year <= LAST_YEAR:
        raise BadFile(f"{where}, column label: {text} is not of the years {FIRST_YEAR} to {LAST_YEAR}")
    return label


def _number(text: str | None, where: str) -> float:
    if text in NULLS:
        return float("nan")
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except (ValueError, TypeError):
        raise BadFile(f"{where}: {text!r:.60} is no number") from None
