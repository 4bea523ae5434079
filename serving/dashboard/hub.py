"""One listener of a process feeds all its viewers: a batch is read once, however many watch it."""

import logging
import threading
from collections.abc import Callable
from threading import Lock, Thread
from time import sleep

from serving.common.logs import line
from serving.dashboard import events
from serving.dashboard.events import Event
from serving.dashboard.responses import State
from serving.dashboard.symbol_status import States
from serving.dashboard.viewers import Viewer, Viewers
from stock_ml.adapters.postgres.reader import ForecastReader, Listener, Run
from stock_ml.errors import BadRows, StoreUnavailable

log = logging.getLogger(__name__)
AT_ONCE = 100  # batches read together, where there are many
STATE_EVERY = 3.0  # seconds; also finds viewers that are gone
RETRY_AFTER = 1.0  # seconds until a database that does not answer is queried again


class Hub:
    """Send viewers what is committed, and the states beside it; its two threads sleep while nobody watches.

    `on_death` is called in a thread that ends by an unexpected error: viewers would wait for it in vain.
    """

    def __init__(self, reader: ForecastReader, states: States, on_death: Callable[[], None]) -> None:
        self._reader, self._states, self.viewers = reader, states, Viewers()
        self._on_death = on_death
        self._lock, self._watched, self._sent = Lock(), threading.Event(), 0
        self._threads: list[Thread] = []

    def join(self, viewer: Viewer) -> int:
        """Send a viewer every batch after the one returned, or an earlier one. Raises StoreUnavailable."""
        newest = self._reader.newest_batch()  # not under the lock: PostgreSQL may be slow to answer
        with self._lock:
            if not self.viewers.count():
                self._sent = newest
            sent = self._sent  # before joining: a batch between the two would not be sent to the viewer
            self.viewers.add(viewer)
            self._watched.set()
            if not self._threads:
                for loop in (self._listen, self._repeat_states):
                    self._threads.append(Thread(target=self._run, args=[loop], name=f"hub{loop.__name__}", daemon=True))
                    self._threads[-1].start()
            return sent

    @property
    def fault(self) -> str | None:
        """Return why viewers get no events any more, None where they do."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"{' and '.join(ended)} ended: see the dashboard's log; its process starts again" if ended else None

    def send_batches(self) -> bool:
        """Send the batches committed since the last ones; say whether there are more."""
        run = self._reader.run(self._sent, AT_ONCE)
        if run is None:
            self._sent = self._reader.newest_batch()
            self.viewers.send_all(events.reload(self._sent))
            return False
        try:
            self._send_rows(run)
        except BadRows as error:  # a second read would fail as well; `/data` leaves out the rows of other symbols
            log.warning(line("rows not sent", batch=run.newest, reason=error))
            self._states.invalidate(symbol for symbol in self.viewers.symbols() if symbol is not None)
            self.viewers.send_all(events.reload(run.newest))
        self._sent = run.newest
        return run.batches == AT_ONCE

    def send_states(self) -> None:
        """Send each viewer the state of its symbol, and a comment to the viewers of all symbols."""
        installation = self._states.installation()
        for symbol in self.viewers.symbols():
            self.viewers.send(symbol, events.KEEPALIVE if symbol is None else self._state(symbol, installation))

    def _send_rows(self, run: Run) -> None:
        watched = self.viewers.symbols()  # after the run: whoever joins from here on finds its rows in the database
        everything = None in watched
        symbols = None if everything else [symbol for symbol in watched if symbol is not None]
        found = events.by_symbol(self._reader.changes(run, symbols))
        for symbol, rows in found.items():
            self.viewers.send(symbol, events.rows(run.newest, [rows]))
        if everything and found:
            self.viewers.send(None, events.rows(run.newest, list(found.values())))
        self._states.invalidate(found)

    def _state(self, symbol: str, installation: State) -> Event:
        try:
            return events.state(self._states.of(symbol, installation))
        except BadRows as error:  # it is read again the next time
            return events.fault(error)

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        finally:  # it ends by an error that is caught nowhere
            self._on_death()

    def _listen(self) -> None:
        listener = self._reader.listen()
        while True:
            self._sleep_until_watched(listener)
            try:
                listener.wait(STATE_EVERY)
                while self.send_batches():
                    pass
            except StoreUnavailable as error:
                self.viewers.send_all(events.fault(error))
                sleep(RETRY_AFTER)

    def _repeat_states(self) -> None:
        while True:
            self._watched.wait()
            try:
                self.send_states()
            except BadRows as error:
                self.viewers.send_all(events.fault(error))
            except StoreUnavailable:
                pass  # the other thread meets it as well, and reports it
            sleep(STATE_EVERY)

    def _sleep_until_watched(self, listener: Listener) -> None:
        """Wait for the first viewer, without a connection."""
        with self._lock:
            if not self.viewers.count():
                self._watched.clear()
        if not self._watched.is_set():
            listener.close()
            self._watched.wait()
