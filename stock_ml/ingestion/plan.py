"""Plan an ingest: which months of which symbols are missing or not complete, and what asking for them takes."""

import logging
from dataclasses import dataclass

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.request_quota import RequestQuota
from stock_ml.cleaning.clean_symbol import rules_of
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.domain.months import complete_at, ends_at, months_of
from stock_ml.domain.request_budget import Budget
from stock_ml.ingestion.request_form import Order
from stock_ml.sources.parsing import WHOLE_FILE
from stock_ml.sources.registry import budget_of, requests_for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Hold one item a symbol, {"symbol", "months"}, and how many requests they take under which budget."""

    items: list[IngestItem]
    requests: int
    budget: Budget
    used_today: int

    def summary(self) -> str:
        """Describe it in one line: months, requests, and how long they take at the source's rate."""
        months = sum(len(item["months"]) for item in self.items)
        seconds, days = self.budget.seconds(self.requests), self.budget.days(self.requests, self.used_today)
        pace = f"about {seconds / MINUTE:.1f} min at {self.budget.per_minute} a minute" if seconds else "at once"
        spread = f", on {days} days of {self.budget.per_day} requests" if days > 1 else ""
        return f"{len(self.items)} symbols, {months} months to clean, {self.requests} requests: {pace}{spread}"


def make_plan(s: Settings, order: Order | None = None) -> Plan:
    """Return what is to do: months are `history_months` whole ones and the current one by the source's clock.

    An order names others, fewer symbols, or asks anew for what is there. A month is done when its clean bars were made
    by today's rules from a response that lacks no minute yet. Source csv has its whole file. Raises StoreUnavailable,
    or SourceUnavailable (the sandbox's clock).
    """
    order = order or Order(s.symbols)
    if s.replayed:
        return Plan([_item(symbol, [WHOLE_FILE], order) for symbol in order.symbols], 0, Budget(), 0)
    now = open_clock(s).now()
    months = list(order.months or months_of(now, s.history_months, s.calendars.of(s.symbols[0])))
    lake = Lake.connect(s)
    wanted = {symbol: months if order.force else _wanted(s, lake, symbol, months, now) for symbol in order.symbols}
    asked = [(symbol, month) for symbol, lacking in wanted.items() for month in lacking]
    requests = sum((requests_for(s, *each, now) if order.force else _requests(s, lake, *each, now)) for each in asked)
    items = [_item(symbol, lacking, order) for symbol, lacking in wanted.items()]
    spent = RequestQuota.connect(s).used_today() if s.capabilities.metered else 0
    return Plan(items, requests, budget_of(s), spent)


def plan(s: Settings, order: Order | None = None) -> list[IngestItem]:
    """Return the items of the plan, and tell it in the log. Raises as `make_plan` does."""
    return log_plan(make_plan(s, order)).items


def log_plan(made: Plan) -> Plan:
    """Log a plan, and return it."""
    log.info("plan: %s", made.summary())
    for item in made.items:
        log.info("plan: %s %s", item["symbol"], ", ".join(item["months"]) or "nothing to do")
    return made


def _item(symbol: str, months: list[str], order: Order) -> IngestItem:
    item: IngestItem = {"symbol": symbol, "months": months}
    return {**item, "force": True} if order.force else item


def whole(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> str | None:
    """Return the key of a stored response that lacks no minute of a month that is over at `now`, None where none is.

    So runs that go side by side ask once for a month that goes on, too. One that did not pass, or could not be read,
    holds nothing: the source may have mended it since. Nor does one that was asked for with another adjustment: its
    prices are on another scale.
    """
    newest = None if month == WHOLE_FILE else lake.newest_raw(symbol, month)
    if newest is None or newest[1] < _settled(s, complete_at(month, now, s.calendars.of(symbol))):
        return None
    if s.capabilities.adjustable and lake.request_of(newest[0]).get("adjusted") != str(s.alphavantage_adjusted).lower():
        return None
    return None if lake.quality.has_failed(symbol, month, newest[0]) else newest[0]


def is_empty(s: Settings, lake: Lake, symbol: str, month: str) -> bool:
    """Say whether the source, asked when all of a month was over, had no bars of it: it is not asked again."""
    asked = None if month == WHOLE_FILE else lake.quality.read_last_request(symbol, month)
    if asked is None or asked["raw"] is not None:
        return False
    return bool(asked["fetched_at"] >= _settled(s, ends_at(month, s.calendars.of(symbol))))


def is_asked(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> bool:
    """Say whether a download of this month asks the source at `now`."""
    return whole(s, lake, symbol, month, now) is None and not is_empty(s, lake, symbol, month)


def _requests(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> int:
    return requests_for(s, symbol, month, now) if is_asked(s, lake, symbol, month, now) else 0


def _wanted(s: Settings, lake: Lake, symbol: str, months: list[str], now: float) -> list[str]:
    there = set(lake.clean_months(symbol))
    return [
        month
        for month in months
        if not (_done(s, lake, symbol, month, now) if month in there else _is_nothing(s, lake, symbol, month, now))
    ]


def _done(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> bool:
    report = lake.read_quality(symbol, month)
    if report is None or report["rules"] != rules_of(s, symbol):
        return False
    is_complete = report["known_at"] >= _settled(s, complete_at(month, now, s.calendars.of(symbol)))
    return bool(is_complete) or is_empty(s, lake, symbol, month)


def _is_nothing(s: Settings, lake: Lake, symbol: str, month: str, now: float) -> bool:
    is_out_of_reach = not requests_for(s, symbol, month, now)
    return (is_out_of_reach or is_empty(s, lake, symbol, month)) and not lake.raw_keys(symbol, month)


def _settled(s: Settings, until: float) -> float:
    return until + s.capabilities.settles
