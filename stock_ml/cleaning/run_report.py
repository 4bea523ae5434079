"""Report what became of each row: a table in the log of the task, and the data report of a run as a page."""

import html
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.shared_gaps import READERS, find_shared_gaps
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestItem, QualityReport
from stock_ml.sources.parsing import WHOLE_FILE

log = logging.getLogger(__name__)
HEAD = (
    *("month", "rows read", "kept", "extended hours", "session closed", "duplicates", "superseded", "out of order"),
    *(
        "no trade",
        "clipped",
        "refused",
        "filled",
        "left out",
        "feed gap minutes",
        "outliers",
        "zero volume",
        "coverage",
    ),
)
SHOWN = 200  # symbols with a table each: a page of thousands would stop Airflow's pages meanwhile
MORE = "{count:,} more symbols are clean. What there is of each: ./stockml data report SYMBOL"
NO_MONTHS = (
    "This run cleaned no bars: it goes on still, is not one of ingest_bars, or found everything there.\n"
    "What there is of a symbol: ./stockml data report SYMBOL"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    "<style>:root {{ color-scheme: light dark }}</style><h1>{title}</h1><p>{run}<pre>{text}</pre></html>"
)


def log_reports(symbol: str, reports: Mapping[str, QualityReport]) -> None:
    """Log one line a month: what became of its rows, and how whole its sessions are."""
    for line in table(symbol, reports).splitlines():
        log.info(line)
    for month, report in reports.items():
        for reason, count in report["refused"].items():
            log.warning(
                "%s %s: %d rows refused, %s; they are in %s", symbol, month, count, reason, report["refused_rows"]
            )
    for line in calendar_warnings(symbol, reports):
        log.warning(line)


def calendar_warnings(symbol: str, reports: Mapping[str, QualityReport]) -> list[str]:
    """Return a sentence for each month in which the feed traded on days that the calendar does not know."""
    return [
        _unknown_days(f"{symbol} {month}", report["rules"]["exchange"], days)
        for month, report in sorted(reports.items())
        if (days := report.get("unknown_days"))
    ]


def _unknown_days(where: str, exchange: str, days: Mapping[str, int]) -> str:
    listed = ", ".join(f"{day} ({count} rows)" for day, count in sorted(days.items()))
    return (
        f"{where}: the feed traded on days that the calendar of {exchange} does not know: {listed}. raw/ keeps these "
        "rows, and no model sees them: see STOCKML_EXCHANGE and STOCKML_EXCHANGES, or update exchange-calendars"
    )


def table(symbol: str, reports: Mapping[str, QualityReport]) -> str:
    """Return the reports of a symbol's months as a table of plain text."""
    rows = [HEAD, *((month, *_cells(report)) for month, report in sorted(reports.items()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([f"Quality of {symbol}", *lines])


def _cells(report: QualityReport) -> list[str]:
    counts = [report["rows_read"], report["kept"], report["extended_hours"], report["session_closed"]]
    counts += [report["duplicates"], report["superseded"], report["out_of_order"]]
    counts += [report.get("no_trade", 0), report.get("clipped", 0), sum(report["refused"].values())]  # new in reports
    counts += [report["filled"], report["left_out"], report["feed_gap_minutes"]]
    counts += [report["outliers"]["count"], report["zero_volume"]["bars"]]
    coverage = report["coverage"]
    return [*(f"{count:,}" for count in counts), "-" if coverage is None else f"{coverage:.1%}"]


def store(s: Settings, run: str, items: Sequence[IngestItem], missing: Mapping[str, str]) -> None:
    """Find the gaps that all symbols share in the months of a run's items, and store the reports of the run.

    `missing` says of each other symbol why it is not. Raises StoreUnavailable.
    """
    find_shared_gaps(s, items)
    lake = Lake.connect(s)
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda item: _reports(lake, item), items)
        reports = {item["symbol"]: report for item, report in zip(items, found, strict=True)}
    lake.quality.write_run(run, {"symbols": reports, "missing": dict(missing)})


def _reports(lake: Lake, item: IngestItem) -> dict[str, QualityReport]:
    symbol, requested = item["symbol"], item["months"]
    months = lake.clean_months(symbol) if WHOLE_FILE in requested else requested
    found = {month: lake.read_quality(symbol, month) for month in months}
    return {month: report for month, report in found.items() if report}


def page(s: Settings, run: str) -> str:
    """Return the report of the run of this id as HTML. Raises StoreUnavailable."""
    report = Lake.connect(s).quality.read_run(run)
    parts = [f"NOT CLEAN: {symbol}\n{why}" for symbol, why in sorted(report["missing"].items())]
    tables = [(symbol, reports) for symbol, reports in sorted(report["symbols"].items()) if reports]
    for symbol, reports in tables[:SHOWN]:
        parts += [table(symbol, reports), *calendar_warnings(symbol, reports)]
    if len(tables) > SHOWN:
        parts.append(MORE.format(count=len(tables) - SHOWN))
    text = "\n\n".join(parts)
    title = "Data report" + (" · SIMULATED" if s.simulated else "")
    return PAGE.format(title=title, run=html.escape(run), text=html.escape(text or NO_MONTHS))
