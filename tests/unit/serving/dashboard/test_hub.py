from collections.abc import Callable
from threading import Thread
from typing import Any

import orjson
import pytest

from serving.dashboard.events import Event
from serving.dashboard.hub import Hub
from serving.dashboard.status import Links
from serving.dashboard.symbol_status import States
from serving.dashboard.viewers import QUEUE_LIMIT, Viewer, Viewers
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import Changes, ForecastReader, LastClose, Listener, Monitoring, Run, Score
from stock_ml.errors import BadRows

ROW = (1000, 1.0, 1.0, 1.0, 1.0, 1.0, False)


class OneBatch(ForecastReader):
    """Know one batch, of symbols A and B; `meanwhile` is called while its rows are read."""

    def __init__(self, meanwhile: Any = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.requests: list[Any] = []

    def newest_batch(self) -> int:
        return 7

    def run(self, after: int, most: int) -> Run | None:
        return Run(max(7 - after, 0), 7, [], None, None)

    def changes(self, run: Run, symbols: Any, limit: int | None = None) -> Changes:
        self.requests.append(symbols)
        self.meanwhile()
        return Changes([(symbol, *ROW) for symbol in symbols or ("A", "B")] if run.batches else [], [])


class Closed:
    """A connection that was closed already."""

    def fileno(self) -> int:
        return -1


def hub_of(reader: OneBatch, on_death: Callable[[], None] = lambda: None) -> Hub:
    return Hub(reader, States(reader, Links("", "")), on_death)


def symbols_sent(viewer: Viewer) -> list[Any]:
    viewer._queue.put(None)
    sent = list(iter(viewer.next, None))
    return [[part["symbol"] for part in orjson.loads(event.text.split(b"data: ")[1])] for event in sent]


def test_only_watched_symbols_are_read_and_once_for_all_viewers() -> None:
    reader = OneBatch()
    hub, viewers = hub_of(reader), [Viewer("A", None) for _ in range(3)]
    for viewer in viewers:
        hub.viewers.add(viewer)
    hub.send_batches()
    assert reader.requests == [["A"]]
    assert [symbols_sent(viewer) for viewer in viewers] == [[["A"]]] * 3


def test_a_viewer_of_all_symbols_gets_a_batch_in_one_event() -> None:
    reader = OneBatch()
    hub, all_of_them, one = hub_of(reader), Viewer(None, None), Viewer("B", None)
    hub.viewers.add(all_of_them)
    hub.viewers.add(one)
    hub.send_batches()
    assert (reader.requests, symbols_sent(all_of_them), symbols_sent(one)) == ([None], [["A", "B"]], [["B"]])


def test_a_viewer_that_joins_while_rows_are_read_gets_them_too() -> None:
    joined: list[int] = []
    reader = OneBatch(lambda: joined.append(hub.join(Viewer("B", None))))
    hub = hub_of(reader)
    hub._threads.append(Thread())  # none that runs
    hub.viewers.add(Viewer("A", None))
    hub.send_batches()
    assert joined == [0]


class Broken(OneBatch):
    """Break in a way that nobody thought of."""

    def listen(self) -> Listener:
        raise RuntimeError

    def services(self) -> dict[str, ServiceState]:
        raise RuntimeError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_ended_is_a_fault_and_ends_the_process() -> None:
    deaths: list[int] = []
    hub = hub_of(Broken(), lambda: deaths.append(1))
    assert hub.fault is None
    hub.join(Viewer("A", None))
    for thread in hub._threads:
        thread.join(10)
    assert hub.fault == "hub_listen and hub_repeat_states ended: see the dashboard's log; its process starts again"
    assert deaths == [1, 1]


class BadRowsOfA(OneBatch):
    """Hold rows of symbol A that nobody can compute with."""

    def services(self) -> dict[str, ServiceState]:
        return {}

    def monitoring(self) -> Monitoring:
        return Monitoring(None, None)

    def last_bar(self, symbol: str) -> int | None:
        return 1000

    def official_close(self, symbol: str, after: int) -> LastClose | None:
        return None

    def score(self, symbol: str) -> Score:
        if symbol == "A":
            raise BadRows("value out of range")
        return Score(None, 0, None, None, None, None, None)

    def changes(self, run: Run, symbols: Any, limit: int | None = None) -> Changes:
        raise BadRows("bigint out of range")


def events_of(viewer: Viewer) -> list[bytes]:
    viewer._queue.put(None)
    return [event.text.split(b"\n")[0] for event in iter(viewer.next, None)]


def test_bad_rows_of_one_symbol_do_not_hide_the_states_of_others() -> None:
    hub, viewers = hub_of(BadRowsOfA()), [Viewer(symbol, None) for symbol in ("A", "B", None)]
    for viewer in viewers:
        hub.viewers.add(viewer)
    for _ in range(2):
        hub.send_states()
    assert [events_of(viewer) for viewer in viewers] == [
        [b"event: trouble"] * 2,
        [b"event: state"] * 2,
        [b": the line stands"] * 2,
    ]


def test_after_a_batch_that_cannot_be_read_all_viewers_load_data_again_and_get_the_next_batch() -> None:
    hub, viewer = hub_of(BadRowsOfA()), Viewer("B", None)
    hub.viewers.add(viewer)
    assert not hub.send_batches()
    assert hub._sent == 7
    assert events_of(viewer) == [b"event: anew"]


def drop_beside_one_who_keeps_up(slow: Viewer) -> None:
    viewers, quick = Viewers(), Viewer("A", None)
    viewers.add(slow)
    viewers.add(quick)
    for number in range(QUEUE_LIMIT + 1):
        viewers.send("A", Event(number, b""))
        assert quick.next() is not None
    assert (viewers.dropped, viewers.count()) == (1, 1)


def test_a_viewer_that_does_not_keep_up_is_dropped_and_its_stream_ends() -> None:
    slow = Viewer("A", None)
    drop_beside_one_who_keeps_up(slow)
    assert len(list(iter(slow.next, None))) == QUEUE_LIMIT


def test_a_slow_viewer_whose_connection_is_closed_does_not_hold_up_the_others() -> None:
    connection: Any = Closed()
    drop_beside_one_who_keeps_up(Viewer("A", connection))
