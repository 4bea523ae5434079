"""Show what became of a symbol's rows, as a table in the log of the task."""

import io
import logging
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from stock_ml.domain.ingest_records import QualityReport

log = logging.getLogger(__name__)
HEAD = (
    *("month", "rows read", "kept", "extended hours", "session closed", "duplicates", "superseded", "out of order"),
    *("refused", "filled", "left out", "feed gap minutes", "outliers", "zero volume", "coverage"),
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


def table(symbol: str, reports: Mapping[str, QualityReport]) -> str:
    """Return the reports of a symbol's months as a table of plain text."""
    made = Table(*HEAD, title=f"Quality of {symbol}", box=box.SIMPLE)
    for month, report in sorted(reports.items()):
        made.add_row(month, *_cells(report))
    sink = io.StringIO()
    Console(file=sink, width=200, color_system=None).print(made)
    return "\n".join(line.rstrip() for line in sink.getvalue().splitlines() if line.strip())


def _cells(report: QualityReport) -> list[str]:
    counts = [report["rows_read"], report["kept"], report["extended_hours"], report["session_closed"]]
    counts += [report["duplicates"], report["superseded"], report["out_of_order"], sum(report["refused"].values())]
    counts += [report["filled"], report["left_out"], report["feed_gap_minutes"]]
    counts += [report["outliers"]["count"], report["zero_volume"]["bars"]]
    coverage = report["coverage"]
    return [*(f"{count:,}" for count in counts), "-" if coverage is None else f"{coverage:.1%}"]
