"""Wait for what is committed, on a connection of its own."""

from stock_ml.adapters.postgres.reader.connections import Connections, Open


class Listener:
    """Hear of each batch as soon as it is committed; use it from one thread."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._open: Open | None = None

    def wait(self, seconds: float) -> None:
        """Return when something was stored, or after a time; at once where it may have been missed.

        Raises StoreUnavailable.
        """
        with self._connections.told():
            if self._open is None or self._open.closed:
                self._open = self._connections.open()
                self._open.execute("listen stored")
                return
            for _ in self._open.notifies(timeout=seconds, stop_after=1):
                return

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
