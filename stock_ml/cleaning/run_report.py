"""The data report of a run: what became of the rows of each month that it cleaned, as a page for a person."""

import html
from collections.abc import Mapping, Sequence

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.report_table import table
from stock_ml.cleaning.shared_gaps import find_shared_gaps
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem, QualityReport
from stock_ml.sources.parsing import WHOLE_FILE

NOTHING = (
    "This run cleaned no bars: it goes on still, is not one of ingest_bars, or found everything there.\n"
    "What there is of a symbol: ./stockml data report SYMBOL"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    "<style>:root {{ color-scheme: light dark }}</style><h1>{title}</h1><p>{run}<pre>{text}</pre></html>"
)


def store(s: Settings, run: str, items: Sequence[IngestItem], missing: Mapping[str, str]) -> None:
    """Find the gaps that all symbols share in the months of a run's items, and store the reports of the run.

    `missing` says of each other symbol why it is not. Raises StoreUnavailable.
    """
    find_shared_gaps(s, items)
    lake = Lake.connect(s)
    reports = {item["symbol"]: _reports(lake, item) for item in items}
    lake.quality.write_run(run, {"symbols": reports, "missing": dict(missing)})


def _reports(lake: Lake, item: IngestItem) -> dict[str, QualityReport]:
    symbol, asked = item["symbol"], item["months"]
    months = lake.clean_months(symbol) if WHOLE_FILE in asked else asked
    found = {month: lake.read_quality(symbol, month) for month in months}
    return {month: report for month, report in found.items() if report}


def page(s: Settings, run: str) -> str:
    """Return the report of the run of this id as HTML. Raises StoreUnavailable."""
    report = Lake.connect(s).quality.read_run(run)
    parts = [f"NOT CLEAN: {symbol}\n{why}" for symbol, why in sorted(report["missing"].items())]
    parts += [table(symbol, reports) for symbol, reports in sorted(report["symbols"].items()) if reports]
    text = "\n\n".join(parts)
    title = "Data report" + (" · SIMULATED" if s.simulated else "")
    return PAGE.format(title=title, run=html.escape(run), text=html.escape(text or NOTHING))
