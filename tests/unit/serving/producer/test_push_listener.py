"""The listener's thread: connections one after another, in order, and what a person is told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue

import pytest

from serving.producer.push_listener import TOLD, Connected, PushListener
from stock_ml.errors import BadKey, SourceUnavailable, StoreUnavailable
from stock_ml.sources.parsing import Response

RESPONSES = [Response("x", f"S{number}", None, {}, 1.0, b"-", "text/plain") for number in range(4)]
FOREVER = 30.0


@dataclass
class Line:
    """Push what is put on it; an error on it ends the connection, and so does `close`."""

    sent: "Queue[Response | Exception]" = field(default_factory=Queue)
    closed: bool = False

    def receive(self, seconds: float) -> Sequence[Response]:
        found = self.sent.get(timeout=FOREVER)
        if isinstance(found, Exception):
            raise found
        return [found]

    def close(self) -> None:
        self.closed = True
        self.sent.put(SourceUnavailable("closed"))


@contextmanager
def listening(connect: Callable[[], Line], wall: Callable[[], float] = lambda: 0.0) -> Iterator[PushListener]:
    listener = PushListener(connect, wall, first_pause=0.0).start()
    try:
        yield listener
    finally:
        listener.close()


def take(listener: PushListener, count: int) -> list[Response | Connected]:
    found = list[Response | Connected]()
    while len(found) < count:
        found += listener.take(0.05)  # a death of the thread is not on the queue
    return found


def test_what_is_pushed_is_taken_in_order_after_the_connection():
    line = Line()
    with listening(lambda: line) as listener:
        for response in RESPONSES:
            line.sent.put(response)
        first, *rest = take(listener, 5)
        assert isinstance(first, Connected)
        assert rest == RESPONSES
        assert listener.take(0) == []
    assert line.closed


def test_a_connection_that_ends_is_followed_by_another_one():
    first, second = Line(), Line()
    lines = iter([first, second])
    with listening(lambda: next(lines)) as listener:
        first.sent.put(RESPONSES[0])
        assert take(listener, 2)[1] == RESPONSES[0]
        first.sent.put(SourceUnavailable("broken off"))
        second.sent.put(RESPONSES[1])
        again = take(listener, 2)
        assert isinstance(again[0], Connected)
        assert again[1] == RESPONSES[1]
    assert first.closed


def test_the_producer_ends_a_connection_and_the_next_one_follows():
    lines = [Line(), Line()]
    rest = iter(lines)
    with listening(lambda: next(rest)) as listener:
        take(listener, 1)
        listener.reconnect()
        assert isinstance(take(listener, 1)[0], Connected)
        assert lines[0].closed


def test_a_short_loss_is_told_nobody_and_a_long_one_with_its_reason():
    now = [0.0]
    asked = Queue[float]()

    def connect() -> Line:
        asked.put(now[0])
        raise SourceUnavailable("no route")

    with listening(connect, lambda: now[0]) as listener:
        asked.get(timeout=FOREVER)
        asked.get(timeout=FOREVER)  # the first failure is noted by then
        assert listener.fault is None
        now[0] = TOLD
        assert "SourceUnavailable: no route" in str(listener.fault)
        assert not listener.connected


def test_a_refused_key_is_told_at_once():
    noted = Queue[None]()

    def connect() -> Line:
        noted.put(None)
        raise BadKey("wrong key")

    with listening(connect) as listener:
        noted.get(timeout=FOREVER)
        while listener.fault is None:
            listener.take(0.01)
        assert "BadKey: wrong key" in listener.fault


def test_a_database_that_counts_requests_and_is_away_is_waited_for():
    answers = iter([StoreUnavailable("PostgreSQL is away"), Line()])

    def connect() -> Line:
        found = next(answers)
        if isinstance(found, StoreUnavailable):
            raise found
        return found

    with listening(connect) as listener:
        assert isinstance(take(listener, 1)[0], Connected)


def test_an_unexpected_error_ends_the_producer_too():
    def connect() -> Line:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError), listening(connect) as listener:
        take(listener, 1)
