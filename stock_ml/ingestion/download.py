"""Download what is missing, as received. It may run again at any time, and goes on where it was."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.locks import exclusive_lock
from stock_ml.adapters.postgres.request_quota import request_limiter
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.errors import BadSymbol, DailyLimit
from stock_ml.ingestion.month_fetcher import MonthFetcher
from stock_ml.ingestion.plan import Plan, is_asked, log_plan, make_plan, plan
from stock_ml.ingestion.request_form import of_session, ordered
from stock_ml.sources.registry import Source, open_source

__all__ = ["clean_symbol", "download", "plan", "plan_run"]


def plan_run(s: Settings, form: Mapping[str, Any], session: datetime | None = None) -> Plan:
    """Plan what a form asks for, or a backfill for the session that opens then, and tell it in the log.

    Raises BadInput where the form asks for what cannot be had, or as `make_plan` does.
    """
    order = of_session(s, session) if session else ordered(s, form, open_clock(s).now())
    return log_plan(make_plan(s, order))


def download(s: Settings, item: IngestItem) -> IngestItem:
    """Store what the source answers for each month of the item {"symbol", "months"}, as received.

    Return the item with `raw` (keys by month) and `revisions` (by month, where a response differs from the one before).
    A past month that was received whole is not asked for again, unless the item has "force", or a later one was
    revised: then months are asked
    for again, back to one that has not changed. A month without bars is left out where the source has others of the
    symbol, and not asked for again where it was over. Raises the source's own errors, BadFile, or StoreUnavailable; a
    spent day names what is left.
    """
    source = open_source(s, request_limiter(s))
    # runs of a backfill go side by side: who comes second finds what the first was given
    with exclusive_lock(s, f"download {item['symbol']}") if s.live else nullcontext():
        return download_from(source, s, item)


def download_from(source: Source, s: Settings, item: IngestItem) -> IngestItem:
    """Do what `download` says, from this source."""
    work = MonthFetcher(s, Lake.connect(s), source, item["symbol"], force=item.get("force", False))
    months = list(item["months"])
    for at, month in enumerate(months):
        try:
            work.get(month)
        except DailyLimit as error:
            raise _left(s, work, months[at:], error) from error
    if work.refused and not work.raw and not work.lake.clean_months(work.symbol):
        if isinstance(work.refused, BadSymbol):
            work.lake.quality.forget_last_requests(work.symbol)  # mistyped, or not listed yet
        raise work.refused
    work.lake.quality.write_left(work.symbol, [])
    return {**item, "months": sorted({*months, *work.raw}), "raw": work.raw, "revisions": work.revisions}


def _left(s: Settings, work: MonthFetcher, months: list[str], error: DailyLimit) -> DailyLimit:
    now = open_clock(s).now()
    left = [month for month in months if is_asked(s, work.lake, work.symbol, month, now)]
    key = work.lake.quality.write_left(work.symbol, left)
    return DailyLimit(f"{error}. Left of {work.symbol}: {', '.join(left)}; noted in {key}, the next try goes on there")
