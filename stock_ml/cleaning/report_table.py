"""Tell a person what became of a symbol's rows, as a table in the task's log."""

import io
import logging
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

log = logging.getLogger(__name__)
COUNTS = ("rows_read", "kept", "extended_hours", "session_closed", "duplicates", "superseded", "out_of_order")
MINUTES = ("filled", "left_out", "feed_gap_minutes")


def tell(symbol: str, reports: dict[str, dict[str, Any]]) -> None:
    """Log one line a month: what became of its rows, and how whole its sessions are."""
    for line in table(symbol, reports).splitlines():
        log.info(line)
    for month, report in reports.items():
        for reason, count in report["refused"].items():
            log.warning(
                "%s %s: %d rows refused, %s; they are in %s", symbol, month, count, reason, report["refused_rows"]
            )


def table(symbol: str, reports: dict[str, dict[str, Any]]) -> str:
    """Return the reports of a symbol's months as a table of plain text."""
    names = ("month", *COUNTS, "refused", *MINUTES, "outliers", "zero volume", "coverage")
    made = Table(*(name.replace("_", " ") for name in names), title=f"Quality of {symbol}", box=box.SIMPLE)
    for month, report in sorted(reports.items()):
        made.add_row(month, *_cells(report))
    sink = io.StringIO()
    Console(file=sink, width=200, color_system=None).print(made)
    return "\n".join(line.rstrip() for line in sink.getvalue().splitlines() if line.strip())


def _cells(report: dict[str, Any]) -> list[str]:
    counts = [*(report[name] for name in COUNTS), sum(report["refused"].values())]
    counts += [*(report[name] for name in MINUTES), report["outliers"]["count"], report["zero_volume"]["bars"]]
    coverage = report["coverage"]
    return [*(f"{count:,}" for count in counts), "-" if coverage is None else f"{coverage:.1%}"]
