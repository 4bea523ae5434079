"""Tell by all symbols of an exchange what a hole is: the feed failed for all, or one symbol was halted."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

import numpy as np

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.quality import halts, missing_everywhere, received_times
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem, QualityReport, SharedGap, SharedGaps

log = logging.getLogger(__name__)

READERS = 4  # symbols read at once: most of the time is the object store's
MIN_LOGGED = 5  # minutes; shorter ones come by chance where symbols are few or seldom traded


class QualityReports(TypedDict):
    """Hold the reports of all clean months by symbol and month, and what all symbols share by month."""

    symbols: dict[str, dict[str, QualityReport | None]]
    together: dict[str, SharedGaps | None]


def find_shared_gaps(s: Settings, items: Sequence[IngestItem]) -> dict[str, SharedGaps]:
    """Report for the months of the items {"symbol", "months"} the holes that all symbols of an exchange share.

    Return them by month. They are stored, and the log names gaps that are too long for chance. Raises StoreUnavailable.
    """
    lake = Lake.connect(s)
    with ThreadPoolExecutor(READERS) as pool:
        clean = dict(zip(s.symbols, pool.map(lake.clean_months, s.symbols), strict=True))
    requested = {month for item in items for month in item["months"]}
    known = {month for months in clean.values() for month in months}
    months = sorted(known if "all" in requested else known & requested)
    reports = {month: _report(s, lake, month, [n for n in s.symbols if month in clean[n]]) for month in months}
    for month, report in reports.items():
        lake.quality.write_shared_gaps(month, report)
        for hole in (hole for hole in report["holes"] if hole["minutes"] >= MIN_LOGGED):
            details = (hole["minutes"], hole["from"], hole["exchange"])
            log.warning("no bar of any symbol for %d minutes from %s: %s halted, or the feed failed", *details)
    return reports


def quality_reports(s: Settings) -> QualityReports:
    """Return the quality reports of all clean months, by symbol and month, and what concerns all symbols."""
    lake = Lake.connect(s)
    clean = {symbol: lake.clean_months(symbol) for symbol in s.symbols}
    found = {symbol: {month: lake.read_quality(symbol, month) for month in months} for symbol, months in clean.items()}
    months = sorted({month for known in clean.values() for month in known})
    return {"symbols": found, "together": {month: lake.quality.read_shared_gaps(month) for month in months}}


def _report(s: Settings, lake: Lake, month: str, symbols: list[str]) -> SharedGaps:
    received: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    with ThreadPoolExecutor(READERS) as pool:
        times = pool.map(lambda symbol: received_times(lake.read_month(symbol, month)), symbols)
        for symbol, ts in zip(symbols, times, strict=True):
            received[s.calendars.of(symbol).exchange][symbol] = ts
    holes: list[SharedGap] = [
        {"exchange": exchange, "from": hole["from"], "minutes": hole["minutes"]}
        for exchange, of_exchange in received.items()
        for hole in missing_everywhere(of_exchange, s.calendars.of(next(iter(of_exchange))))
    ]
    alone = [
        halts(of_exchange, s.calendars.of(next(iter(of_exchange))), s.feed_gap_minutes)
        for of_exchange in received.values()
    ]
    exchanges = {exchange: sorted(of_exchange) for exchange, of_exchange in received.items()}
    return {
        "exchanges": exchanges,
        "holes": holes,
        "halts": {name: one for found in alone for name, one in found.items()},
    }
