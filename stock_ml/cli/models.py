"""`stockml models`, `promote`, `rollback`: the versions of the model, and which of them is champion."""

import time

from rich import box
from rich.console import Console
from rich.table import Table

from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.mlflow.versions import Version, promote, rollback, versions
from stock_ml.cli.installation import settings
from stock_ml.domain.bars import utc

PERSON = "a person, by stockml"
DAY = 86_400
console = Console(highlight=False, soft_wrap=True)


def models() -> None:
    """List the versions of the model: aliases, kind, skill, what they were trained until, age."""
    registry = Registry.connect(settings())
    console.print(table(registry.model, versions(registry), time.time()))


def promote_version(version: str) -> None:
    """Make a version the champion; the consumer serves it within seconds."""
    replaced = promote(Registry.connect(settings()), version, PERSON)
    console.print(f"version {version} is champion" + (f" in place of {replaced}" if replaced else ""))


def roll_back() -> None:
    """Make the version champion again that the champion replaced."""
    old, new = rollback(Registry.connect(settings()), PERSON)
    console.print(f"version {new} is champion again in place of {old}")


def table(model: str, found: list[Version], now: float) -> Table:
    """Return the versions as a table, newest first."""
    names = ("version", "aliases", "kind", "skill", "trained until", "age", "promoted by", "in place of")
    grid = Table(*names, box=box.SIMPLE, title=model)
    for version in found:
        tags = version.tags
        skill = f"{float(tags['skill']):.2%}" if "skill" in tags else ""
        until = f"{utc(float(tags['trained_until'])):%Y-%m-%d %H:%M}" if "trained_until" in tags else ""
        cells = (tags.get("kind", ""), skill, until, _age(now - version.registered_at))
        grid.add_row(
            version.number, ", ".join(version.aliases), *cells, tags.get("promoted_by", ""), tags.get("replaced", "")
        )
    return grid


def _age(seconds: float) -> str:
    return f"{seconds / DAY:.1f} days" if seconds >= DAY else f"{seconds / 3600:.1f} h"
