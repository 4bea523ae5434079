"""Find the sources of bars: the built-in ones, and those that installed packages give by an entry point."""

import re
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from stock_ml.domain.capabilities import Capabilities
from stock_ml.errors import BadPlugin, BadSetting

GROUP = "stock_ml.sources"
CONTRACT = 1  # of SourcePlugin and Source; a change that breaks plug-ins raises it
BUILT_IN = {  # pyproject.toml says the same; a checkout is not installed, so it is said here too
    "sandbox": "stock_ml.sources.built_in:SANDBOX",
    "alpha_vantage": "stock_ml.sources.built_in:ALPHA_VANTAGE",
    "yahoo": "stock_ml.sources.built_in:YAHOO",
    "alpaca": "stock_ml.sources.built_in:ALPACA",
    "crypto": "stock_ml.sources.built_in:CRYPTO",
    "csv": "stock_ml.sources.built_in:CSV",
}
FIVE = ("GOOGL", "AAPL", "AMZN", "MSFT", "NVDA")
NAME = re.compile(r"(?=.{1,30}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")  # it is part of variables, folders, buckets and topics
Row = tuple[int, float | None, float | None, float | None, float | None, float | None]
RowParser = Callable[[bytes], Iterable[Row]]


@dataclass(frozen=True, kw_only=True)
class SourceDescription:
    """Say of a source what is known before it is opened.

    `contract`: the CONTRACT that the plug-in was written for.
    `settings`: the plug-in's own; the field `url` of a source `x` is the variable STOCKML_X_URL.
    `parse`: read a response's body into rows: the bar's open in UTC epoch seconds, open, high, low, close and volume,
    null as None. A source without it answers in a layout that `stock_ml.sources.parsing` reads.
    `exchange` and `symbols`: the calendar and the symbols where the settings name none.
    `variant`: return the plug-in as it is with these Settings, where they decide what the source can do.
    """

    contract: int
    capabilities: Capabilities
    settings: type[BaseModel] | None = None
    parse: RowParser | None = None
    exchange: str = "XNYS"
    symbols: tuple[str, ...] = FIVE
    variant: "Callable[[Any], SourceDescription] | None" = None


def names() -> list[str]:
    """Return the names of all sources: the built-in ones first."""
    return [*BUILT_IN, *sorted({entry.name for entry in installed()} - BUILT_IN.keys())]


@cache
def installed() -> tuple[EntryPoint, ...]:
    """Return the entry points of other packages. It reads the metadata of every package, and imports none."""
    return tuple(each for each in entry_points(group=GROUP) if BUILT_IN.get(each.name) != each.value)


@cache
def describe(name: str) -> SourceDescription:
    """Return the plug-in of a source; only its module is imported.

    Raises BadSetting where there is no such source, BadPlugin where its plug-in cannot be used.
    """
    if value := BUILT_IN.get(name):
        return checked(EntryPoint(name, value, GROUP))
    found = [entry for entry in installed() if entry.name == name]
    if not found:
        raise BadSetting(
            f"STOCKML_SOURCE={name!s:.40}: there is no such source. There are {', '.join(names())}; the package of "
            "another one must be installed beside stock_ml (docs/sources.md)"
        )
    if len(found) > 1:
        packages = " and ".join(sorted(package_of(entry) for entry in found))
        raise BadPlugin(f"the packages {packages} each give a source {name}: uninstall all but one")
    return checked(found[0])


def parser_of(name: str) -> RowParser | None:
    """Return the plug-in's own parser, None for a source without one, and for one whose package is not installed."""
    is_there = name in BUILT_IN or any(entry.name == name for entry in installed())
    return describe(name).parse if is_there else None


def checked(entry: EntryPoint) -> SourceDescription:
    """Import a plug-in. Raises BadPlugin where that fails, or where it is no plug-in of this contract."""
    where = f"the source {entry.name} of package {package_of(entry)} ({entry.value})"
    if not NAME.fullmatch(entry.name) or (entry.name in BUILT_IN and BUILT_IN[entry.name] != entry.value):
        taken = "is built in" if entry.name in BUILT_IN else "is no name like my_source of at most 30 characters"
        raise BadPlugin(f"{where}: {entry.name!r:.40} {taken}; its author must choose another name")
    found = _imported(entry, where)
    if not isinstance(found, SourceDescription):
        raise BadPlugin(f"{where} is a {type(found).__name__}, no SourcePlugin; its author must name one there")
    if found.contract != CONTRACT:
        raise BadPlugin(f"{where} is of contract {found.contract}, this stock_ml of {CONTRACT}: update the older one")
    if entry.name not in BUILT_IN and not found.capabilities.live:
        raise BadPlugin(f"{where} is simulated or a file, which only the built-in sandbox and csv can be")
    return found


def package_of(entry: EntryPoint) -> str:
    """Return the name and version of the package that gives an entry point."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "stock_ml"


def version_of_package(name: str) -> str:
    """Return name and version of the package that gives a source, "" for a built-in one."""
    return "" if name in BUILT_IN else " ".join(package_of(entry) for entry in installed() if entry.name == name)


def _imported(entry: EntryPoint, where: str) -> object:
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        said = f"{type(error).__name__}: {error!s:.300}"
        raise BadPlugin(f"{where} cannot be imported: {said}; mend or uninstall it") from error


def raised_at(error: BaseException) -> str:
    """Return an error's kind and the line that raised it; its text may hold a key, and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__
