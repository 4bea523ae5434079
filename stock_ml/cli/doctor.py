"""`stockml doctor`: one page on how an installation is."""

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stock_ml.cli.installation import settings
from stock_ml.config import Settings
from stock_ml.doctor import CHECKS, Finding, examine

MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}


def doctor() -> None:
    """Check key, source, clock, Java, disk, ports and every server, and say what to do about each."""
    s = settings()
    findings = examine(s, CHECKS)
    Console(highlight=False).print(page(s, findings))
    if any(found.state == "bad" for found in findings):
        raise typer.Exit(1)


def page(s: Settings, findings: list[Finding]) -> Table:
    """Return the findings as a table."""
    simulated = ", SIMULATED bars" if s.simulated else ""
    table = Table("", "part", "what was seen", "what to do", box=box.SIMPLE, title=f"source {s.source}{simulated}")
    for found in findings:
        table.add_row(MARKS[found.state], found.part, escape(found.message), escape(found.advice))
    return table
