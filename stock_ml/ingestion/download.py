"""Download missing months, as received. It is safe to run again: it continues where it stopped."""

from contextlib import nullcontext

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.locks import exclusive_lock
from stock_ml.adapters.postgres.request_quota import request_limiter
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.errors import BadSymbol, DailyLimit, UnknownSessions
from stock_ml.ingestion.month_fetcher import MonthFetcher
from stock_ml.ingestion.plan import needs_request
from stock_ml.sources.registry import Source, open_source


def download(s: Settings, item: IngestItem, lake: Lake | None = None, planned_at: float | None = None) -> IngestItem:
    """Store the source's response for each month of the item {"symbol", "months"}, as received.

    Return the item with `raw` (keys by month) and `revisions` (by month, where a response differs from the one before).
    A past month that was received whole is not requested again, unless the item has "force", or a later one was
    revised: then months are requested again, back to one that has not changed. A month without bars is left out where
    the source has others of the symbol, and not requested again where it was over and two runs were told so. What was
    received since `planned_at`, the source's clock when the run was planned, is not requested again either. Raises the
    source's own errors, BadFile, or StoreUnavailable; DailyLimit names what is left, UnknownSessions the item's fault.
    """
    if fault := item.get("fault"):
        raise UnknownSessions(fault)
    source = open_source(s, request_limiter(s))
    # runs of a backfill are concurrent: the second one finds what the first one stored
    with exclusive_lock(s, f"download {item['symbol']}") if s.live else nullcontext():
        return download_from(source, s, item, lake, planned_at)


def download_from(
    source: Source, s: Settings, item: IngestItem, lake: Lake | None = None, planned_at: float | None = None
) -> IngestItem:
    """Do what `download` says, from this source."""
    force = item.get("force", False)
    fetcher = MonthFetcher(s, lake or Lake.connect(s), source, item["symbol"], force, planned_at)
    months = list(item["months"])
    for at, month in enumerate(months):
        try:
            fetcher.fetch(month)
        except DailyLimit as error:
            raise _daily_limit(s, fetcher, months[at:], error) from error
    if fetcher.no_bars and not fetcher.raw and not fetcher.lake.clean_months(fetcher.symbol):
        if isinstance(fetcher.no_bars, BadSymbol):
            fetcher.lake.quality.forget_last_requests(fetcher.symbol)  # mistyped, or not listed yet
        raise fetcher.no_bars
    fetcher.lake.quality.write_left(fetcher.symbol, [])
    return {**item, "months": sorted({*months, *fetcher.raw}), "raw": fetcher.raw, "revisions": fetcher.revisions}


def _daily_limit(s: Settings, fetcher: MonthFetcher, months: list[str], error: DailyLimit) -> DailyLimit:
    now = open_clock(s).now()
    remaining = [month for month in months if needs_request(s, fetcher.lake, fetcher.symbol, month, now)]
    key = fetcher.lake.quality.write_left(fetcher.symbol, remaining)
    names = ", ".join(remaining)
    return DailyLimit(f"{error}. Left of {fetcher.symbol}: {names}; noted in {key}, the next try goes on there")
