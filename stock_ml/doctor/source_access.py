"""Ask a real source for bars before an installation is started: calendar, key, plan, network and symbols."""

import time
from collections.abc import Callable, Collection, Sequence

from stock_ml.config import Settings
from stock_ml.domain.calendar import end_fault
from stock_ml.errors import BadSymbol, NoBars, UnknownSessions
from stock_ml.sources.parsing import read
from stock_ml.sources.plugin import Opening, no_limit
from stock_ml.sources.registry import Source, open_source, plugin_of

MOST = 5  # symbols that are asked for: each costs a request


def ask(
    s: Settings, known: Collection[str] = (), limiter: Callable[[], None] = no_limit, *, try_push: bool = False
) -> str:
    """Return in a sentence what the source gives of the symbols that are not `known`, or of the first one.

    It costs at most MOST requests; `limiter` is called before each. With `try_push` a source that pushes bars is
    connected to with all symbols, and left again; a producer that runs may have the only connection. Raises the
    SourceError that says why no bars will come, BadSymbol naming the symbols of which the source has nothing,
    BadSetting where an exchange is not known, UnknownSessions where no calendar reaches until now.
    """
    ended = _ended_calendars(s)
    source = open_source(s, limiter)
    found = {symbol: _newest(source, symbol) for symbol in symbols_to_ask(s.symbols, known)}
    if unknown := {symbol: seen for symbol, seen in found.items() if isinstance(seen, BadSymbol)}:
        reason = next(iter(unknown.values()))
        raise BadSymbol(f"source {s.source} has nothing of {', '.join(unknown)}: see SYMBOLS=…. {reason}")
    if try_push:
        _connect_once(s)
    seen = [f"{symbol}: {words}" for symbol, words in found.items()]
    return "; ".join([f"source {s.source} answers", *seen, *ended])


def _connect_once(s: Settings) -> None:
    if connect := plugin_of(s.source).connect:
        connect(Opening(s.source, s), s.symbols).close()


def symbols_to_ask(symbols: Sequence[str], known: Collection[str]) -> list[str]:
    """Return at most MOST symbols: those that are not known yet, or the first one where all are."""
    fresh = [symbol for symbol in symbols if symbol not in known]
    return (fresh or list(symbols[:1]))[:MOST]


def _newest(source: Source, symbol: str) -> str | NoBars:
    try:
        rows = read(source.newest(symbol))
    except NoBars as error:  # a symbol that is hardly traded may have none of this session
        return error
    return f"{len(rows)} bars, the newest labelled {rows['label'].max()}"


def _ended_calendars(s: Settings) -> list[str]:
    """Return which calendars end before now, so that their symbols wait. Raises UnknownSessions where all do."""
    now = time.time()
    calendars = {each.exchange: each for each in map(s.calendars.of, s.symbols)}.values()
    fault = end_fault(now, calendars)
    if fault and all(each.is_over(now) for each in calendars):
        raise UnknownSessions(fault)
    return [fault] if fault else []
