"""Who watches `/stream`: each has a queue of its own, and one that does not keep up is dropped."""

import os
import socket
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock
from typing import NamedTuple

MOST = 64  # events that may wait: half a minute and more of ticks


class Event(NamedTuple):
    """Hold an event as it is sent; `batch` is its id, None for one that is not of a batch."""

    batch: int | None
    sent: bytes


class Viewer:
    """Hold what one viewer of a symbol, or of all where it is None, has still to be told."""

    def __init__(self, symbol: str | None, line: socket.socket | None) -> None:
        self.symbol, self._line = symbol, line
        self._waiting: SimpleQueue[Event | None] = SimpleQueue()

    def tell(self, event: Event) -> bool:
        """Put an event behind the others; False for a viewer that has too many waiting, and is cut off."""
        if self._waiting.qsize() < MOST:
            self._waiting.put(event)
            return True
        self._cut()
        return False

    def next(self) -> Event | None:
        """Wait for the next event; None for the end."""
        return self._waiting.get()

    def _cut(self) -> None:
        """End the connection, so that a send that waits for the viewer ends as well."""
        self._waiting.put(None)
        if self._line is None:
            return
        # through a handle of its own: the waiting sender then sees the end of the line, not a closed file;
        # a line that ended by itself cannot be cut
        with suppress(OSError), socket.socket(fileno=os.dup(self._line.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)


class Viewers:
    """Hold all viewers of this process, by symbol; None is everything."""

    def __init__(self) -> None:
        self._of: dict[str | None, set[Viewer]] = {}
        self._lock = Lock()
        self.dropped = 0

    def add(self, viewer: Viewer) -> None:
        """Let a viewer hear what comes from now on."""
        with self._lock:
            self._of.setdefault(viewer.symbol, set()).add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Tell a viewer nothing more; one that is gone already stays gone."""
        with self._lock:
            others = self._of.get(viewer.symbol, set())
            others.discard(viewer)
            if not others:
                self._of.pop(viewer.symbol, None)

    def symbols(self) -> list[str | None]:
        """Return what is watched."""
        with self._lock:
            return list(self._of)

    def count(self) -> int:
        """Return how many watch."""
        with self._lock:
            return sum(map(len, self._of.values()))

    def tell(self, symbol: str | None, event: Event) -> None:
        """Tell all viewers of a symbol, and drop those who do not keep up."""
        with self._lock:
            those = list(self._of.get(symbol, ()))
        for viewer in those:
            if not viewer.tell(event):
                self.dropped += 1
                self.remove(viewer)
