"""Ingest bars: plan what is missing, download it as received, clean it. Each step may run again at any time."""

from typing import Any

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import MarketClock
from stock_ml.adapters.sources.table import Source, open_source
from stock_ml.clock import Clock, WallClock
from stock_ml.config import Settings
from stock_ml.errors import NoBars
from stock_ml.steps.cleaning import clean_symbol, rules_of
from stock_ml.steps.months import ends_at, months_of

WHOLE_FILE = "all"

Item = dict[str, Any]

__all__ = ["clean_symbol", "download", "open_clock", "plan"]


def open_clock(s: Settings) -> Clock:
    """Return the clock by which months and sessions end: the sandbox's own, or the wall."""
    return MarketClock.connect(s) if s.simulated else WallClock()


def plan(s: Settings) -> list[Item]:
    """Return one item a symbol, {"symbol", "months"}: the months whose clean bars are missing or not complete.

    Months are `history_months` whole ones and the current one by the source's clock; source csv has its whole file.
    """
    if s.source == "csv":
        return [{"symbol": symbol, "months": [WHOLE_FILE]} for symbol in s.symbols]
    months = months_of(open_clock(s).now(), s.history_months, s.calendars.of(s.symbols[0]))
    lake = Lake.connect(s)
    return [{"symbol": symbol, "months": [m for m in months if not _done(s, lake, symbol, m)]} for symbol in s.symbols]


def download(s: Settings, item: Item) -> Item:
    """Store what the source answers for each month of the item, as received; return the item with `raw`, key by month.

    A past month that was received whole is not asked for again. A month without bars is left out where the source has
    others of the symbol. Raises the source's own errors, BadFile, or StoreUnavailable.
    """
    lake, source, symbol = Lake.connect(s), open_source(s), str(item["symbol"])
    raw: dict[str, str] = {}
    refused = None
    for month in item["months"]:
        try:
            raw[month] = _whole(s, lake, symbol, month) or _fetched(lake, source, symbol, month)
        except NoBars as error:
            refused = error
    if refused and not raw and not lake.clean_months(symbol):
        raise refused
    return {**item, "raw": raw}


def _fetched(lake: Lake, source: Source, symbol: str, month: str) -> str:
    return lake.put_raw(source.fetch(symbol, month))


def _whole(s: Settings, lake: Lake, symbol: str, month: str) -> str | None:
    """Return the key of a stored answer that holds the whole month, None where there is none."""
    newest = None if month == WHOLE_FILE else lake.newest_raw(symbol, month)
    return newest[0] if newest and newest[1] >= ends_at(month, s.calendars.of(symbol)) else None


def _done(s: Settings, lake: Lake, symbol: str, month: str) -> bool:
    report = lake.read_quality(symbol, month)
    if report is None or report["rules"] != rules_of(s, symbol) or month not in lake.clean_months(symbol):
        return False
    return bool(report["known_at"] >= ends_at(month, s.calendars.of(symbol)))
