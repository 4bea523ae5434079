"""What holds for every source that pushes: its own connection against a local websocket."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from time import monotonic

import pytest
from websockets.sync.server import ServerConnection

from stock_ml.domain.bars import Bar
from stock_ml.errors import ContractBroken, SourceError
from stock_ml.sources.parsing import bars_of
from stock_ml.sources.plugin import Connection
from stock_ml.sources.registry import open_connection
from stock_ml.testing.hostile_cases import Case
from stock_ml.testing.pytest_plugin import SYMBOL, Bench, case_of
from stock_ml.testing.service import pushing

PUSHED = 3  # bars
LONGEST = 10.0  # seconds until pushed bars must have come
BROKEN: dict[str, str | bytes | None] = {
    "nothing": None,
    "a page of HTML": "<html><body>Please try again later</body></html>",
    "half a message": '{"symbol": "GOO',
    "bytes that are no text": b"\xff\x00\xfe",
    "JSON that is no message": "[1, 2",
}


@contextmanager
def connected(bench: Bench, talk: Callable[[ServerConnection], None]) -> Iterator[Connection]:
    """Connect the source to a websocket at which `talk` speaks. Skip where the source does not push."""
    case = case_of("clean", bench.service)
    if not bench.settings(case).capabilities.pushes:
        pytest.skip("its live bars are requested")
    with pushing(talk) as address:
        s = replace(bench, stream=address).settings(case)
        connection = open_connection(s)
        try:
            yield connection
        finally:
            connection.close()


def received(connection: Connection, case: Case, count: int) -> list[Bar]:
    """Return what a connection pushes, as soon as it is so many bars."""
    bars: dict[int, Bar] = {}
    end = monotonic() + LONGEST
    while len(bars) < count and monotonic() < end:
        for response in connection.receive(1.0):
            assert (response.symbol, response.month) == (SYMBOL, None)
            bars |= {bar.ts: bar for bar in bars_of(response, "start", case.calendar)}
    return [bar for _, bar in sorted(bars.items())]


def test_pushed_bars_are_those_of_the_service(bench: Bench) -> None:
    case = case_of("clean", bench.service)
    rows, done = case.rows[-PUSHED:], Event()

    def talk(connection: ServerConnection) -> None:
        bench.service.push(connection, SYMBOL, rows)
        done.wait(LONGEST * 2)

    with connected(bench, talk) as connection:
        found = received(connection, case, PUSHED)
        done.set()
    assert {bar.ts: list(bar[2:7]) for bar in found} == {ts: case.bars[ts] for ts, _ in rows}


@pytest.mark.parametrize("message", BROKEN.values(), ids=BROKEN)
def test_a_connection_that_breaks_is_one_typed_error(bench: Bench, message: str | bytes | None) -> None:
    def talk(connection: ServerConnection) -> None:
        bench.service.push(connection, SYMBOL, [])
        if message is not None:
            connection.send(message)

    with connected(bench, talk) as connection, pytest.raises(SourceError) as caught:
        _until_it_ends(connection)
    assert not isinstance(caught.value, ContractBroken), str(caught.value)


def test_another_thread_ends_a_connection_that_waits(bench: Bench) -> None:
    accepted, done = Event(), Event()

    def talk(connection: ServerConnection) -> None:
        bench.service.push(connection, SYMBOL, [])
        accepted.set()
        done.wait(LONGEST * 2)

    with connected(bench, talk) as connection, ThreadPoolExecutor(1) as pool:
        assert accepted.wait(LONGEST)
        waiting = pool.submit(_until_it_ends, connection)
        connection.close()
        done.set()
        with pytest.raises(SourceError):
            waiting.result(LONGEST)


def _until_it_ends(connection: Connection) -> Sequence[object]:
    end = monotonic() + LONGEST
    while monotonic() < end:
        connection.receive(1.0)
    return ()
