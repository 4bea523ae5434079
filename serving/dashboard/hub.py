"""One listener of a process feeds all its viewers: a batch is read once, however many watch it."""

import logging
import threading
from collections.abc import Callable
from threading import Lock, Thread
from time import sleep

from serving.common.logs import line
from serving.dashboard import events
from serving.dashboard.status import Said
from serving.dashboard.symbol_status import States
from serving.dashboard.viewers import Event, Viewer, Viewers
from stock_ml.adapters.postgres.reader import ForecastReader, Listener, Run
from stock_ml.errors import BadRows, StoreUnavailable

log = logging.getLogger(__name__)
AT_ONCE = 100  # batches read together, where many came
STATE_EVERY = 3.0  # seconds; also finds viewers that are gone
AGAIN = 1.0  # seconds until a database that is away is asked again


class Hub:
    """Tell viewers what is committed, and the state beside it; its two threads rest while nobody watches.

    `on_death` is called in a thread that ends by an error that nobody expected: viewers would wait for it in vain.
    """

    def __init__(self, reader: ForecastReader, states: States, on_death: Callable[[], None]) -> None:
        self._reader, self._states, self.viewers = reader, states, Viewers()
        self._on_death = on_death
        self._lock, self._watched, self._seen = Lock(), threading.Event(), 0
        self._threads: list[Thread] = []

    def join(self, viewer: Viewer) -> int:
        """Let a viewer hear of every batch after the one returned, or earlier. Raises StoreUnavailable."""
        with self._lock:
            if not self.viewers.count():
                self._seen = self._reader.newest_batch()
            seen = self._seen  # before joining: of a batch between the two, the viewer would hear nothing
            self.viewers.add(viewer)
            self._watched.set()
            if not self._threads:
                for loop in (self._listen, self._tell_states):
                    self._threads.append(Thread(target=self._run, args=[loop], name=f"hub{loop.__name__}", daemon=True))
                    self._threads[-1].start()
            return seen

    @property
    def trouble(self) -> str | None:
        """Return that viewers are not told any more, None where they are."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"{' and '.join(ended)} ended: see the dashboard's log; its process starts again" if ended else None

    def turn(self) -> bool:
        """Tell of the batches committed since the last turn; say whether there are more."""
        run = self._reader.run(self._seen, AT_ONCE)
        if run is None:
            self._seen = self._reader.newest_batch()
            self._tell_all(events.anew(self._seen))
            return False
        try:
            self._tell_rows(run)
        except BadRows as error:  # asked for again they would be as bad; `/data` leaves out those of other symbols
            log.warning(line("rows not told", batch=run.newest, reason=error))
            self._states.changed(symbol for symbol in self.viewers.symbols() if symbol is not None)
            self._tell_all(events.anew(run.newest))
        self._seen = run.newest
        return run.batches == AT_ONCE

    def _tell_rows(self, run: Run) -> None:
        watched = self.viewers.symbols()  # after the run: who joins from here on finds its rows in the database
        everything = None in watched
        symbols = None if everything else [symbol for symbol in watched if symbol is not None]
        found = events.by_symbol(self._reader.changes(run, symbols))
        for symbol, rows in found.items():
            self.viewers.tell(symbol, events.rows(run.newest, [rows]))
        if everything and found:
            self.viewers.tell(None, events.rows(run.newest, list(found.values())))
        self._states.changed(found)

    def tell_states(self) -> None:
        """Tell each viewer the state of its symbol, and all others that the line stands."""
        said = self._states.said()
        for symbol in self.viewers.symbols():
            self.viewers.tell(symbol, events.STANDS if symbol is None else self._state(symbol, said))

    def _state(self, symbol: str, said: Said) -> Event:
        try:
            return events.state(self._states.of(symbol, said))
        except BadRows as error:  # it is read again with the next turn
            return events.trouble(str(error))

    def _tell_all(self, event: Event) -> None:
        for symbol in self.viewers.symbols():
            self.viewers.tell(symbol, event)

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        finally:  # it has no end but by an error that is caught nowhere
            self._on_death()

    def _listen(self) -> None:
        listener = self._reader.listen()
        while True:
            self._rest(listener)
            try:
                listener.wait(STATE_EVERY)
                while self.turn():
                    pass
            except StoreUnavailable as error:
                self._tell_all(events.trouble(str(error)))
                sleep(AGAIN)

    def _tell_states(self) -> None:
        while True:
            self._watched.wait()
            try:
                self.tell_states()
            except BadRows as error:
                self._tell_all(events.trouble(str(error)))
            except StoreUnavailable:
                pass  # the other thread meets it as well, and tells
            sleep(STATE_EVERY)

    def _rest(self, listener: Listener) -> None:
        """Wait for the first viewer, without a connection."""
        with self._lock:
            if not self.viewers.count():
                self._watched.clear()
        if not self._watched.is_set():
            listener.close()
            self._watched.wait()
