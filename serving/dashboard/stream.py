"""Answer `/stream`: first what a viewer missed, then what is committed.

Events, with the records of responses.py:

    rows     id: the batch; data: a list of SymbolRows, which `/data` would add
    state    data: the State of the symbol, every three seconds
    anew     the batches that were missed are not known any more: load `/data` again
    trouble  data: an Error; the stream goes on when it is over

Delivery is at least once: batches are numbered in the order of their commits, a viewer joins before it reads what it
missed, and after that leaves out what it has read.
"""

from collections.abc import Iterator

from serving.dashboard import events
from serving.dashboard.events import Event
from serving.dashboard.hub import Hub
from serving.dashboard.queries import MOST, Subscription
from serving.dashboard.symbol_data import changes_after
from serving.dashboard.viewers import Viewer
from stock_ml.adapters.postgres.reader import ForecastReader
from stock_ml.errors import StoreUnavailable


def subscribe(reader: ForecastReader, hub: Hub, viewer: Viewer, subscription: Subscription) -> Event:
    """Let a viewer join, and return what it missed before. Raises StoreUnavailable."""
    joined = hub.join(viewer)
    try:
        return _missed(reader, subscription.symbol, joined if subscription.after is None else subscription.after)
    except StoreUnavailable:
        hub.viewers.remove(viewer)
        raise


def event_stream(hub: Hub, viewer: Viewer, first: Event) -> Iterator[bytes]:
    """Yield a viewer's events until it goes or is dropped."""
    try:
        yield events.RETRY + first.text
        while (event := viewer.next()) is not None:
            if event.batch is None or event.batch > (first.batch or 0):
                yield event.text
    finally:
        hub.viewers.remove(viewer)


def _missed(reader: ForecastReader, symbol: str | None, after: int) -> Event:
    found = changes_after(reader, after, None if symbol is None else [symbol], MOST)
    if found is None:
        return events.reload(reader.newest_batch())
    changes, newest = found
    return events.rows(newest, list(events.by_symbol(changes).values()))
