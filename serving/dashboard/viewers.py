"""The viewers of `/stream`: each has a queue of its own, and a viewer that does not keep up is dropped."""

import os
import socket
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock

from serving.dashboard.events import Event

QUEUE_LIMIT = 64  # events: half a minute and more of ticks


class Viewer:
    """Queue the events for one viewer of a symbol, or of all symbols where it is None."""

    def __init__(self, symbol: str | None, connection: socket.socket | None) -> None:
        self.symbol, self._connection = symbol, connection
        self._queue: SimpleQueue[Event | None] = SimpleQueue()

    def send(self, event: Event) -> bool:
        """Queue an event; return False for a viewer whose queue is full, and end its connection."""
        if self._queue.qsize() < QUEUE_LIMIT:
            self._queue.put(event)
            return True
        self._disconnect()
        return False

    def next(self) -> Event | None:
        """Wait for the next event; None is the end."""
        return self._queue.get()

    def _disconnect(self) -> None:
        """End the connection, so that a send that waits for the viewer ends as well."""
        self._queue.put(None)
        if self._connection is None:
            return
        # through a handle of its own: the blocked sender then sees the end of the connection, not a closed file;
        # a connection that ended by itself cannot be shut down
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


class Viewers:
    """Hold all viewers of this process, by symbol; None is every symbol."""

    def __init__(self) -> None:
        self._of: dict[str | None, set[Viewer]] = {}
        self._lock = Lock()
        self.dropped = 0

    def add(self, viewer: Viewer) -> None:
        """Send a viewer the events from now on."""
        with self._lock:
            self._of.setdefault(viewer.symbol, set()).add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Send a viewer no more events. Safe to repeat."""
        with self._lock:
            others = self._of.get(viewer.symbol, set())
            others.discard(viewer)
            if not others:
                self._of.pop(viewer.symbol, None)

    def symbols(self) -> list[str | None]:
        """Return the symbols that are watched."""
        with self._lock:
            return list(self._of)

    def count(self) -> int:
        """Return how many viewers there are."""
        with self._lock:
            return sum(map(len, self._of.values()))

    def send(self, symbol: str | None, event: Event) -> None:
        """Send an event to all viewers of a symbol, and drop those that do not keep up."""
        with self._lock:
            viewers = list(self._of.get(symbol, ()))
        for viewer in viewers:
            if not viewer.send(event):
                self.dropped += 1
                self.remove(viewer)

    def send_all(self, event: Event) -> None:
        """Send an event to every viewer."""
        for symbol in self.symbols():
            self.send(symbol, event)
