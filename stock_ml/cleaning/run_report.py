"""The data report of a run: what became of the rows of each month that it cleaned, as a page for a person."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.report_table import table
from stock_ml.cleaning.shared_gaps import look_over
from stock_ml.config import Settings
from stock_ml.sources.parsing import WHOLE_FILE

MISSING = "missing"  # beside the symbols, which have capital letters
NOTHING = (
    "This run cleaned no bars: it goes on still, is not one of ingest_bars, or found everything there.\n"
    "What there is of a symbol: ./stockml data report SYMBOL"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    "<style>:root {{ color-scheme: light dark }}</style><h1>{title}</h1><p>{run}<pre>{text}</pre></html>"
)

Item = dict[str, Any]


def keep(s: Settings, run: str, items: Sequence[Item], missing: Mapping[str, str]) -> None:
    """Look over the months of a run's items {"symbol", "months"} that are clean, and keep their reports.

    `missing` says of each other symbol why it is not. Raises StoreUnavailable.
    """
    look_over(s, list(items))
    lake = Lake.connect(s)
    reports = {item["symbol"]: _reports(lake, item) for item in items}
    lake.quality.write_run(run, reports | ({MISSING: dict(missing)} if missing else {}))


def _reports(lake: Lake, item: Item) -> dict[str, Any]:
    symbol, asked = item["symbol"], item["months"]
    months = lake.clean_months(symbol) if WHOLE_FILE in asked else asked
    found = {month: lake.read_quality(symbol, month) for month in months}
    return {month: report for month, report in found.items() if report}


def page(s: Settings, run: str) -> str:
    """Return the report of the run of this id as HTML. Raises StoreUnavailable."""
    kept = Lake.connect(s).quality.read_run(run) or {}
    parts = [f"NOT CLEAN: {symbol}\n{why}" for symbol, why in sorted(kept.pop(MISSING, {}).items())]
    parts += [table(symbol, reports) for symbol, reports in sorted(kept.items()) if reports]
    text = "\n\n".join(parts)
    title = "Data report" + (" · SIMULATED" if s.simulated else "")
    return PAGE.format(title=title, run=html.escape(run), text=html.escape(text or NOTHING))
