"""One row as received: its timestamp label, its five numbers, and the rules that they must keep."""

from datetime import datetime

import numpy as np
import pandas as pd

from stock_ml.domain.bars import PRICES, broken
from stock_ml.domain.bars import RULE as BAR_RULE
from stock_ml.errors import BadFile

VALUES = [*PRICES, "volume"]
RULE = f"breaks a rule: {BAR_RULE}"
FIRST_YEAR, LAST_YEAR = 2000, 2035  # what the calendars know
Row = tuple[datetime, list[float]]


def row(stamp: str, values: list[str], where: str) -> Row:
    """Return a row of text as label and numbers. Raises BadFile naming where and the column."""
    return _label(stamp, where), [
        _number(text, f"{where}, column {name}") for name, text in zip(VALUES, values, strict=True)
    ]


def frame_of_rows(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a frame of label, values and `broken`."""
    values = np.array([row for _, row in rows], dtype=np.float64).reshape(-1, len(VALUES))
    return frame_of(np.array([label for label, _ in rows], dtype="datetime64[ns]"), values)


def frame_of(labels: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Return labels datetime64[ns] (n,) and values (n, 5) as a frame with `broken`."""
    frame = pd.DataFrame(values, columns=VALUES)
    frame.insert(0, "label", labels)
    return frame.assign(broken=broken(values))


def _label(text: str, where: str) -> datetime:
    try:
        label = datetime.fromisoformat(text)
    except ValueError:
        label = None
    if label is None or len(text) != 19 or text[10] != " " or label.tzinfo or label.second:
        raise BadFile(f"{where}, column label: {text!r:.60} is no minute like 2024-03-01 09:30:00")
    if not FIRST_YEAR <= label.year <= LAST_YEAR:
        raise BadFile(f"{where}, column label: {text} is not of the years {FIRST_YEAR} to {LAST_YEAR}")
    return label


def _number(text: str, where: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except (ValueError, TypeError):
        raise BadFile(f"{where}: {text!r:.60} is no number") from None
