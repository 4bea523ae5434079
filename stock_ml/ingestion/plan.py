"""Plan an ingest: which months of which symbols are missing or incomplete, and how many requests they take."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from math import inf
from typing import Any

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.request_quota import RequestQuota, request_budget
from stock_ml.cleaning.clean_symbol import cleaning_rules
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.ingest_records import IngestBatch, IngestItem
from stock_ml.domain.months import complete_at, ends_at, months_of
from stock_ml.domain.request_budget import Budget
from stock_ml.errors import UnknownSessions
from stock_ml.ingestion.batches import batch_sizes, seconds_of
from stock_ml.ingestion.request_form import IngestRequest, parse_form, session_request
from stock_ml.sources.parsing import WHOLE_FILE
from stock_ml.sources.registry import requests_for

log = logging.getLogger(__name__)
DOUBT = 3600.0  # seconds by the source's clock between two runs that are told the same
READERS = 4  # symbols looked up at once: most of the time is the object store's


@dataclass(frozen=True)
class Plan:
    """Hold one item a symbol, {"symbol", "months"}, and how many requests each takes under which budget.

    `planned_at` is the source's clock, UTC epoch seconds, 0 where the source has none.
    """

    items: list[IngestItem]
    request_counts: list[int]
    budget: Budget
    used_today: int
    planned_at: float = field(default=0.0, compare=False)

    @property
    def requests(self) -> int:
        """Return how many requests all items take."""
        return sum(self.request_counts)

    def batches(self) -> list[IngestBatch]:
        """Return the items in order, those together that one task takes."""
        counts = zip(self.items, self.request_counts, strict=True)
        seconds = [seconds_of(len(item["months"]), requests, self.budget) for item, requests in counts]
        items = iter(self.items)
        return [{"items": list(islice(items, size)), "planned_at": self.planned_at} for size in batch_sizes(seconds)]

    def summary(self) -> str:
        """Describe it in one line: months, requests, and how long they take at the source's rate."""
        months = sum(len(item["months"]) for item in self.items)
        seconds, days = self.budget.seconds(self.requests), self.budget.days(self.requests, self.used_today)
        pace = f"about {seconds / MINUTE:.1f} min at {self.budget.per_minute} a minute" if seconds else "at once"
        spread = f", on {days} days of {self.budget.per_day} requests" if days > 1 else ""
        return f"{len(self.items)} symbols, {months} months to clean, {self.requests} requests: {pace}{spread}"


def make_plan(s: Settings, request: IngestRequest | None = None) -> Plan:
    """Return what is to do: months are `history_months` whole ones and the current one by the source's clock.

    A request names others, fewer symbols, or fetches again what is there. A month is done when its clean bars were made
    by today's rules from a response that lacks no minute yet. Source csv has its whole file. A symbol whose calendar
    does not know these months has the reason as its item's `fault`. Raises UnknownSessions where no calendar does,
    StoreUnavailable, or SourceUnavailable (the sandbox's clock).
    """
    request = request or IngestRequest(s.symbols)
    if s.replayed:
        items = [_item(symbol, [WHOLE_FILE], request) for symbol in request.symbols]
        return Plan(items, [0] * len(items), Budget(), 0)
    now = open_clock(s).now()
    items, counts = plan_symbols(s, Lake.connect(s), request, now)
    used = RequestQuota.connect(s).used_today() if s.capabilities.metered else 0
    return Plan(items, counts, request_budget(s), used, now)


def plan_symbols(s: Settings, lake: Lake, request: IngestRequest, now: float) -> tuple[list[IngestItem], list[int]]:
    """Return the items of a request's symbols at a time of the source's clock, and how many requests each takes.

    Raises as `make_plan` does.
    """
    with ThreadPoolExecutor(READERS) as pool:
        planned = list(pool.map(lambda symbol: _plan_symbol(s, lake, symbol, request, now), request.symbols))
    items, faults = [item for item, _ in planned], [item["fault"] for item, _ in planned if "fault" in item]
    if len(faults) == len(items):
        raise UnknownSessions(faults[0])
    return items, [count for _, count in planned]


def plan_run(s: Settings, form: Mapping[str, Any], session: datetime | None = None) -> Plan:
    """Plan and log what a form requests, or a backfill for the session that opens then.

    Raises BadInput where the form requests what cannot be had, or as `make_plan` does.
    """
    plan = make_plan(s, session_request(s, session) if session else parse_form(s, form, open_clock(s).now()))
    log.info("plan: %s", plan.summary())
    for item in plan.items:
        log.info("plan: %s %s", item["symbol"], work(item))
    return plan


def work(item: IngestItem) -> str:
    """Return in words what an item has to do: its months, or why it waits."""
    return item.get("fault") or ", ".join(item["months"]) or "nothing to do"


def _plan_symbol(s: Settings, lake: Lake, symbol: str, request: IngestRequest, now: float) -> tuple[IngestItem, int]:
    """Return a symbol's item, and how many requests it takes."""
    try:
        months = list(request.months or months_of(now, s.history_months, s.calendars.of(symbol)))
        if request.force:
            return _item(symbol, months, request), sum(requests_for(s, symbol, month, now) for month in months)
        lacking = _missing_months(s, lake, symbol, months, now)
        return _item(symbol, lacking, request), sum(_request_count(s, lake, symbol, month, now) for month in lacking)
    except UnknownSessions as error:
        return {"symbol": symbol, "months": [], "fault": str(error)}, 0


def _item(symbol: str, months: list[str], request: IngestRequest) -> IngestItem:
    item: IngestItem = {"symbol": symbol, "months": months}
    return {**item, "force": True} if request.force else item


def complete_response(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> str | None:
    """Return the key of a stored response that lacks no minute of a month that is over at `now`, None where none is.

    So concurrent runs request a month that goes on once, too. One that did not pass, or could not be read,
    holds nothing: the source may have mended it since. Nor does one that was requested with another adjustment: its
    prices are on another scale.
    """
    newest = None if month == WHOLE_FILE else lake.newest_raw(symbol, month)
    if newest is None or newest[1] < _settled_at(s, complete_at(month, now, s.calendars.of(symbol))):
        return None
    if s.capabilities.adjustable and lake.request_of(newest[0]).get("adjusted") != str(s.alphavantage_adjusted).lower():
        return None
    return None if lake.quality.has_failed(symbol, month, newest[0]) else newest[0]


def is_empty(s: Settings, lake: Lake, symbol: str, month: str) -> bool:
    """Say whether the source has no bars of a month that is over: it is not requested again.

    Sources say so of a traded symbol by mistake. So that must have been said twice, DOUBT apart.
    """
    last = None if month == WHOLE_FILE else lake.quality.read_last_request(symbol, month)
    settled = _settled_at(s, ends_at(month, s.calendars.of(symbol))) if last else inf
    if last is None or last["raw"] is not None or last["fetched_at"] < settled:
        return False
    return last["fetched_at"] - max(last.get("first_at", last["fetched_at"]), settled) >= DOUBT


def needs_request(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> bool:
    """Say whether a download of this month sends a request at `now`."""
    return complete_response(s, lake, symbol, month, now) is None and not is_empty(s, lake, symbol, month)


def is_ingested(s: Settings, lake: Lake, item: IngestItem, planned_at: float) -> bool:
    """Say whether an item's months are clean as its run wanted them, so that another try has nothing to do for it.

    `planned_at` is the source's clock when the item was planned. A month of which the source said since then that it
    has none counts. A file is read again, as nothing but its bytes says which months it has.
    """
    if s.replayed or "fault" in item:
        return False
    since = planned_at if item.get("force") else 0.0
    return all(_is_clean(s, lake, item["symbol"], month, (since, planned_at)) for month in item["months"])


def _is_clean(s: Settings, lake: Lake, symbol: str, month: str, span: tuple[float, float]) -> bool:
    since, now = span
    report = lake.read_quality(symbol, month)
    if report is None or report["known_at"] < since or not _is_done(s, lake, symbol, month, now):
        last = lake.quality.read_last_request(symbol, month)
        return last is not None and last["raw"] is None and last["fetched_at"] >= now
    return report["kept"] == 0 or month in lake.clean_months(symbol)


def _request_count(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> int:
    return requests_for(s, symbol, month, now) if needs_request(s, lake, symbol, month, now) else 0


def _missing_months(s: Settings, lake: Lake, symbol: str, months: list[str], now: float) -> list[str]:
    there = set(lake.clean_months(symbol))
    lacking = [month for month in months if month not in there or not _is_done(s, lake, symbol, month, now)]
    none = {
        month
        for month in lacking
        if month not in there
        and (not requests_for(s, symbol, month, now) or is_empty(s, lake, symbol, month))
        and not lake.raw_keys(symbol, month)
    }
    return [month for month in lacking if month not in none]


def _is_done(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> bool:
    report = lake.read_quality(symbol, month)
    if report is None or report["rules"] != cleaning_rules(s, symbol):
        return False
    is_complete = report["known_at"] >= _settled_at(s, complete_at(month, now, s.calendars.of(symbol)))
    return bool(is_complete) or is_empty(s, lake, symbol, month)


def _settled_at(s: Settings, until: float) -> float:
    return until + s.capabilities.settles
