"""What the next ingest costs: requests of the source's quota, tasks, and time."""

from math import ceil

from stock_ml.config import Settings
from stock_ml.doctor.check import CheckResult
from stock_ml.ingestion.batches import MONTH
from stock_ml.ingestion.plan import Plan, make_plan
from stock_ml.ingestion.request_form import IngestRequest

SAMPLE = 200  # symbols that are looked up; of more the others are taken to be like these
AT_ONCE = 4  # tasks
DAYS = "it goes on by itself each day; fewer symbols, fewer STOCKML_HISTORY_MONTHS or a larger plan shorten it"


def ingest_plan(s: Settings) -> CheckResult:
    """See what an ingest of all symbols of the settings would request now, in how many tasks and how much time.

    Of more than SAMPLE symbols it is an estimate from that many.
    """
    symbols = s.symbols[:: ceil(len(s.symbols) / SAMPLE)]
    found = make_plan(s, IngestRequest(symbols))
    if len(symbols) == len(s.symbols):
        return cost(found)
    result = cost(scaled(found, len(s.symbols)))
    return result._replace(message=f"{result.message}; estimated from {len(symbols)} symbols")


def scaled(plan: Plan, symbols: int) -> Plan:
    """Return a plan of so many symbols that are like those of a plan, one after the other."""
    places = [place * len(plan.items) // symbols for place in range(symbols)]
    items, counts = [plan.items[place] for place in places], [plan.request_counts[place] for place in places]
    return Plan(items, counts, plan.budget, plan.used_today, plan.planned_at)


def cost(plan: Plan) -> CheckResult:
    """Return what a plan costs in words, with a note where its requests take more than the source's day."""
    months = sum(len(item["months"]) for item in plan.items)
    minutes, tasks = months * MONTH / AT_ONCE / 60, len(plan.batches())
    message = f"{plan.summary()}; {tasks} tasks, about {ceil(minutes)} min of downloading and cleaning beside that"
    days = plan.budget.days(plan.requests, plan.used_today)
    return CheckResult(message, DAYS, "note") if days > 1 else CheckResult(message)
