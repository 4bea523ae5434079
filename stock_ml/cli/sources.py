"""`stockml sources`: the sources that there are, what each can do, and which plug-in cannot be used and why."""

from importlib.metadata import EntryPoint

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stock_ml.domain.capabilities import Capabilities
from stock_ml.errors import BadSetting
from stock_ml.source_plugins import BUILT_IN, GROUP, checked, describe, installed, package_of


def sources() -> None:
    """List the sources, built in and of installed packages. It imports each, and sends nothing."""
    Console(highlight=False, soft_wrap=True).print(table())


def table() -> Table:
    """Return a row for each source: its package, and what it can do or why it cannot be used."""
    grid = Table("source", "package", "history", "what it can do", box=box.SIMPLE)
    built_in = [EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()]
    for entry in (*built_in, *installed()):
        grid.add_row(entry.name, package_of(entry), *map(escape, _cells(entry)))
    return grid


def _cells(entry: EntryPoint) -> tuple[str, str]:
    try:  # a name that two packages give is refused by its name, one that a package may not have by its entry
        found = checked(entry) if entry.name in BUILT_IN else describe(entry.name)
    except BadSetting as error:
        return "", f"cannot be used: {error}"
    return found.capabilities.history, ", ".join(_words(found.capabilities))


def _words(can: Capabilities) -> list[str]:
    words = {
        "SIMULATED": can.simulated,
        "replayed": can.replayed,
        "live by polling": not (can.replayed or can.pushes),
        "live by push": can.pushes,
        "counts requests": can.metered,
        f"{can.delayed // 60} min late on a delayed plan": can.delayed,
        can.note: can.note,
    }
    return [word for word, holds in words.items() if holds]
