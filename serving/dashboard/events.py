"""Server-sent events as they are written: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from collections import defaultdict
from typing import Any

import orjson

from serving.dashboard.viewers import Event
from stock_ml.adapters.postgres.reader import Changes

STANDS = Event(None, b": the line stands\n\n")  # a comment
HELLO = b"retry: 2000\n\n"  # milliseconds until a browser comes back


def rows(batch: int, changes: list[dict[str, Any]]) -> Event:
    """Return the event `rows`: what batches up to this one brought, [{symbol, bars, forecasts}, …] as in `/data`."""
    return Event(batch, b"event: rows\nid: %d\ndata: %b\n\n" % (batch, orjson.dumps(changes)))


def state(found: dict[str, Any]) -> Event:
    """Return the event `state`, as in `/data`."""
    return _of("state", found)


def anew(batch: int) -> Event:
    """Return the event `anew`: what was missed is not known any more, all rows have to be asked for again."""
    return Event(batch, b"event: anew\nid: %d\ndata: {}\n\n" % batch)


def trouble(words: str) -> Event:
    """Return the event `trouble`; the stream goes on when it is over."""
    return _of("trouble", {"error": words})


def by_symbol(changes: Changes) -> dict[str, dict[str, Any]]:
    """Return rows by their symbols."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"bars": [], "forecasts": []})
    for name, table in changes._asdict().items():
        for symbol, *row in table:
            found[symbol][name].append(row)
    return {symbol: {"symbol": symbol, **tables} for symbol, tables in found.items()}


def _of(name: str, found: dict[str, Any]) -> Event:
    return Event(None, b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(found)))
