"""Alpaca's layout of bars: one page, or a JSON array of pages of one symbol."""

from datetime import datetime
from typing import Any

import pandas as pd

from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import frame_of, stamped

FIELDS = ("o", "h", "l", "c", "v")


def is_page(document: object) -> bool:
    """Say whether a JSON document is in this layout, well-formed or not."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and "bars" in first


def rows_of(document: Any, where: str) -> pd.DataFrame:
    """Return the rows of all pages with `ts`, the bars' opens in UTC; labels are in UTC too.

    Raises BadFile naming the page and what is not as expected.
    """
    pages = document if isinstance(document, list) else [document]
    bars = [bar for number, page in enumerate(pages, 1) for bar in _bars(page, f"{where}, page {number}")]
    if not bars:
        raise BadFile(f"{where} holds no bars")
    ts, values = stamped(
        [[stamp_of(bar, where) for bar in bars], *([bar.get(name) for bar in bars] for name in FIELDS)], where
    )
    return frame_of(pd.to_datetime(ts, unit="s").to_numpy("datetime64[ns]"), values).assign(ts=ts)


def _bars(page: Any, where: str) -> list[dict[str, Any]]:
    try:
        of_symbols = list((page["bars"] or {}).values())
        bars = of_symbols[0] if of_symbols else []
    except (KeyError, TypeError, AttributeError) as error:
        raise _other_layout(where, f"{type(error).__name__}: {error}") from None
    if len(of_symbols) > 1:
        raise BadFile(f"{where} holds bars of {len(of_symbols)} symbols; a page is of one")
    if not isinstance(bars, list) or not all(isinstance(bar, dict) for bar in bars):
        raise _other_layout(where, "its bars are no list of objects")
    return bars


def stamp_of(bar: dict[str, Any], where: str) -> int:
    """Return when a bar opens, in UTC epoch seconds. Raises BadFile where it does not say that."""
    try:
        at = datetime.fromisoformat(bar["t"])
    except (KeyError, TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None or at.microsecond:
        raise BadFile(f"{where}, t: {bar.get('t')!r:.60} is no time like 2024-03-01T14:30:00Z")
    return int(at.timestamp())


def _other_layout(where: str, fault: str) -> BadFile:
    return BadFile(f"{where}: not Alpaca's layout of bars as it was known ({fault})")
