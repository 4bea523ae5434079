"""Answer `/stream`: first what was missed, then what comes.

Events, with what `/data` holds (data.py):

    rows     id: the batch; data: [{"symbol", "bars", "forecasts"}, …], as `/data` adds them
    state    data: the state of the symbol asked for, every three seconds
    anew     what was missed is not known any more: load `/data` anew
    trouble  data: {"error"}; the stream goes on when it is over

A row may come twice, never not at all: batches are numbered in the order of their commits, a viewer joins before it
reads what it missed, and after that leaves out what it has read.
"""

from collections.abc import Iterator

from serving.dashboard import events
from serving.dashboard.data import since
from serving.dashboard.hub import Hub
from serving.dashboard.queries import MOST, Watching
from serving.dashboard.viewers import Event, Viewer
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.errors import StoreUnavailable


def begin(reader: ForecastReader, hub: Hub, viewer: Viewer, asked: Watching) -> Event:
    """Let a viewer join, and return what it missed before. Raises StoreUnavailable."""
    joined = hub.join(viewer)
    try:
        return _missed(reader, asked.symbol, joined if asked.after is None else asked.after)
    except StoreUnavailable:
        hub.viewers.remove(viewer)
        raise


def told(hub: Hub, viewer: Viewer, first: Event) -> Iterator[bytes]:
    """Yield what is sent, until the viewer goes or is dropped."""
    try:
        yield events.HELLO + first.sent
        while (event := viewer.next()) is not None:
            if event.batch is None or event.batch > (first.batch or 0):
                yield event.sent
    finally:
        hub.viewers.remove(viewer)


def _missed(reader: ForecastReader, symbol: str | None, after: int) -> Event:
    found = since(reader, after, None if symbol is None else [symbol], MOST)
    if found is None:
        return events.anew(reader.newest_batch())
    changes, newest = found
    return events.rows(newest, list(events.by_symbol(changes).values()))
