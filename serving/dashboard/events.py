"""Write server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from typing import NamedTuple

import msgspec

from serving.dashboard.errors import store_error
from serving.dashboard.responses import State, SymbolRows, encode
from stock_ml.adapters.postgres.reader import Changes
from stock_ml.errors import StoreUnavailable


class Event(NamedTuple):
    """Hold an event as it is sent; `batch` is its id, None for one that is not of a batch."""

    batch: int | None
    text: bytes


KEEPALIVE = Event(None, b": the line stands\n\n")  # a comment
RETRY = b"retry: 2000\n\n"  # milliseconds until a browser comes back


def rows(batch: int, changes: list[SymbolRows]) -> Event:
    """Return the event `rows`: the rows of batches up to this one, as in `/data`."""
    return Event(batch, b"event: rows\nid: %d\ndata: %b\n\n" % (batch, encode(changes)))


def state(body: State) -> Event:
    """Return the event `state`, as in `/data`."""
    return _event("state", encode(body))


def reload(batch: int) -> Event:
    """Return the event `anew`: batches that were missed are not known any more, so the viewer loads all rows."""
    return Event(batch, b"event: anew\nid: %d\ndata: {}\n\n" % batch)


def fault(error: StoreUnavailable) -> Event:
    """Return the event `trouble`; the stream goes on when it is over."""
    return _event("trouble", msgspec.json.encode(store_error(error)))


def by_symbol(changes: Changes) -> dict[str, SymbolRows]:
    """Return rows by their symbols."""
    found: dict[str, SymbolRows] = {}
    for bar in changes.bars:
        _rows_of(bar[0], found).bars.append(bar[1:])
    for forecast in changes.forecasts:
        _rows_of(forecast[0], found).forecasts.append(forecast[1:])
    for close in changes.closes:
        _rows_of(close[0], found)  # the state has it: the symbol's is read again
    return found


def _rows_of(symbol: str, found: dict[str, SymbolRows]) -> SymbolRows:
    if symbol not in found:
        found[symbol] = SymbolRows(symbol, [], [])
    return found[symbol]


def _event(name: str, data: bytes) -> Event:
    return Event(None, b"event: %b\ndata: %b\n\n" % (name.encode(), data))
