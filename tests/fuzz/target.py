"""What every body must do: be refused with BadInput, or give rows and bars that keep the rules of the record."""

from contextlib import suppress
from itertools import pairwise

import pandas as pd

from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BadInput
from stock_ml.sources.parsing import Response, bars_of, detect_convention, parse
from stock_ml.sources.parsing.alpha_vantage_csv import read_fast, rows_of
from stock_ml.sources.parsing.rows import frame_of_rows

FETCHED = 1_709_500_000.0  # 2024-03-03 21:06:40 UTC, after the sessions of the seeds
PRICES, LARGEST_PRICE, LARGEST_VOLUME = ("open", "high", "low", "close"), 1e9, 1e15


def check(body: bytes, calendar: Sessions) -> bool:
    """Read a body in every way, and say whether it was accepted. Raises AssertionError, and whatever is a crash."""
    try:
        rows = parse(body, "fuzz", of_file=False)
    except BadInput:
        return False
    for row in rows[rows["broken"] == ""].itertuples():
        _check_values(row)
    _check_quick_reader(body)
    _check_convention(rows, calendar)
    for convention in ("start", "end"):
        _check_bars(body, convention, calendar)
    return True


def _check_values(row: object) -> None:
    opened, high, low, close = (getattr(row, name) for name in PRICES)
    assert 0 < low <= min(opened, close) <= max(opened, close) <= high <= LARGEST_PRICE, row
    assert 0 <= row.volume <= LARGEST_VOLUME, row


def _check_quick_reader(body: bytes) -> None:
    """The reader by columns must agree with the one line by line."""
    quick = read_fast(body)
    if quick is not None:
        pd.testing.assert_frame_equal(quick, frame_of_rows(rows_of(body, "fuzz")[1]), check_dtype=False)


def _check_convention(rows: pd.DataFrame, calendar: Sessions) -> None:
    with suppress(BadInput):
        assert detect_convention(rows, calendar) in ("start", "end")


def _check_bars(body: bytes, convention: str, calendar: Sessions) -> None:
    response = Response("csv", "GOOGL", None, {}, FETCHED, body, "")
    try:
        bars = bars_of(response, convention, calendar)
    except BadInput:
        return
    assert all(one.ts < two.ts for one, two in pairwise(bars)), "minutes ascend, each once"
    for bar in bars:
        _check_bar(bar, calendar)


def _check_bar(bar: Bar, calendar: Sessions) -> None:
    _check_values(bar)
    assert bar.ts % 60 == 0, bar
    assert bar.ts + 60 <= FETCHED, bar
    assert any(opens <= bar.ts < closes for opens, closes in zip(calendar.opens, calendar.closes, strict=True)), bar
