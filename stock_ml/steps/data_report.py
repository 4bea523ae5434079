"""The data report of a run: what became of the rows of each month that it cleaned, as a page for a person."""

import html
from collections.abc import Sequence
from typing import Any

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.steps.telling import table
from stock_ml.steps.together import look_over

NOTHING = (
    "This run cleaned no bars: it goes on still, is not one of ingest_bars, or found everything there.\n"
    "What there is of a symbol: ./stockml data report SYMBOL"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    "<style>:root {{ color-scheme: light dark }}</style><h1>{title}</h1><p>{run}<pre>{text}</pre></html>"
)

Item = dict[str, Any]


def tell(s: Settings, run: str, items: Sequence[Item]) -> dict[str, Any]:
    """Look over the months of a run's items {"symbol", "months"}, keep their reports, and return whose bars they are.

    Raises StoreUnavailable.
    """
    look_over(s, list(items))
    lake = Lake.connect(s)
    lake.quality.write_run(run, {item["symbol"]: _reports(lake, item) for item in items})
    return {"source": s.source, "symbols": [item["symbol"] for item in items]}


def _reports(lake: Lake, item: Item) -> dict[str, Any]:
    found = {month: lake.read_quality(item["symbol"], month) for month in item["months"]}
    return {month: report for month, report in found.items() if report}


def page(s: Settings, run: str) -> str:
    """Return the report of the run of this id as HTML. Raises StoreUnavailable."""
    kept = Lake.connect(s).quality.read_run(run) or {}
    text = "\n\n".join(table(symbol, reports) for symbol, reports in sorted(kept.items()) if reports)
    title = "Data report" + (" · SIMULATED" if s.simulated else "")
    return PAGE.format(title=title, run=html.escape(run), text=html.escape(text or NOTHING))
