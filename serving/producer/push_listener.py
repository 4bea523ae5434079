"""Keep one connection to a source that pushes bars, and hold what it pushed until the producer takes it."""

import logging
from collections.abc import Callable
from queue import Empty, Queue
from threading import Event, Thread
from time import monotonic

from serving.common.logs import line
from stock_ml.errors import BadKey, PremiumEndpoint, SourceError, StoreUnavailable
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import Connection

log = logging.getLogger(__name__)
LISTEN = 1.0  # seconds that one call may wait for something pushed
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two connections, doubled with each that fails
REFUSED_PAUSE = 300.0  # seconds until a refused key is tried again
TOLD = 60.0  # seconds without a connection after which a person is told; bars are requested meanwhile
WAITING = 10_000  # responses; beyond them the service has to wait
REFUSED = (BadKey, PremiumEndpoint)


class Connected:
    """Mark that a connection was made: what is taken after it was pushed by that one."""


class PushListener:
    """Connect again whenever a connection ends, after growing pauses. One thread connects and receives."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        wall: Callable[[], float] = monotonic,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._connect, self._wall, self._first_pause = connect, wall, first_pause
        self._arrived: Queue[Response | Connected] = Queue(WAITING)
        self._connection: Connection | None = None
        self._ended, self._reset = Event(), Event()
        self._failures, self._down_since = 0, wall()
        self._reason: SourceError | StoreUnavailable | None = None
        self._death: BaseException | None = None
        self._thread = Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> "PushListener":
        """Begin to listen."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the connection, and make no other one."""
        self._ended.set()
        self.reconnect()
        self._thread.join(LISTEN + 4)

    def reconnect(self) -> None:
        """End the connection that there is; the next one follows."""
        self._reset.set()
        if (connection := self._connection) is not None:
            connection.close()

    @property
    def connected(self) -> bool:
        """Say whether there is a connection."""
        return self._connection is not None

    @property
    def fault(self) -> str | None:
        """Return why there is no connection, where that has lasted so long, or will, that a person should know."""
        reason = self._reason
        if self.connected or reason is None:
            return None
        lasting = isinstance(reason, REFUSED) or self._wall() - self._down_since >= TOLD
        return f"no live connection; bars are requested instead. {type(reason).__name__}: {reason}" if lasting else None

    def take(self, seconds: float) -> list[Response | Connected]:
        """Return what arrived, in its order, as soon as something has; nothing after `seconds`.

        Raises the unexpected error that ended the thread: no connection would be made any more.
        """
        found = list[Response | Connected]()
        try:
            found.append(self._arrived.get(timeout=seconds) if seconds > 0 else self._arrived.get_nowait())
            while True:
                found.append(self._arrived.get_nowait())
        except Empty:
            if self._death is not None and not found:
                raise self._death from None
            return found

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._live_through_one()
                self._ended.wait(self._pause())
        except BaseException as error:  # noqa: BLE001  # whatever it is, the producer ends by it
            self._death = error

    def _live_through_one(self) -> None:
        self._reset.clear()
        try:
            connection = self._connect()
            self._connection = connection
            self._receive(connection)
        except (SourceError, StoreUnavailable) as error:  # the latter from the request quota
            self._note_end(error)
        finally:
            self._end()

    def _receive(self, connection: Connection) -> None:
        self._arrived.put(Connected())
        log.info(line("connected"))
        while not self._reset.is_set():
            for response in connection.receive(LISTEN):
                self._failures = 0
                self._arrived.put(response)

    def _end(self) -> None:
        if (connection := self._connection) is not None:
            self._connection, self._down_since = None, self._wall()
            connection.close()

    def _note_end(self, error: SourceError | StoreUnavailable) -> None:
        self._failures += 1
        self._reason = error
        if not self._reset.is_set():  # it was ended by the producer, which has said why
            log.warning(line("no connection", reason=f"{type(error).__name__}: {error}", again_s=self._pause()))

    def _pause(self) -> float:
        if self._failures and isinstance(self._reason, REFUSED):
            return REFUSED_PAUSE
        return min(self._first_pause * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE)
