"""`/stream` from the real server, on a real PostgreSQL."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
import requests

from local import ports
from local.servers.services import programs
from stock_ml.adapters.postgres.store import BarRow, ForecastRow, ForecastStore
from stock_ml.config import Settings
from tests.servers import drop_days, running, tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
Heard = tuple[str, int | None, Any]


@pytest.fixture(scope="module")
def served(postgres: Settings) -> Iterator[Settings]:
    tables(postgres)
    drop_days(postgres)
    s = postgres.model_copy(update={"dashboard_port": ports.free(1)[0]})  # another test's may run beside it
    with running(next(p for p in programs(s) if p.name == "dashboard"), s):
        yield s


@pytest.fixture
def store(served: Settings) -> Iterator[ForecastStore]:
    with closing(ForecastStore.connect(served)) as store:
        yield store


@pytest.fixture
def symbol(store: ForecastStore) -> str:
    name = f"S{uuid4().hex[:8].upper()}"
    store.store([bar(name, 0)], [])
    return name


def bar(symbol: str, minute: int) -> BarRow:
    return BarRow(symbol, T + 60 * minute, 1.0, 1.0, 1.0, 1.0, 10.0, False, "sandbox", False)


def at(s: Settings, path: str) -> str:
    return f"http://127.0.0.1:{s.dashboard_port}{path}"


def newest(s: Settings, symbol: str) -> str:
    return str(requests.get(at(s, "/data"), {"symbol": symbol}, timeout=30).json()["next"])


@contextmanager
def watching(s: Settings, last: str | None = None, **asked: str) -> Iterator[Iterator[Heard]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with requests.get(at(s, "/stream"), asked, headers=headers, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield (event for event in events(answer) if event[0] != "state")


def events(answer: requests.Response) -> Iterator[Heard]:
    """Yield every event."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        fields[name] = value
        if not line and "data" in fields:
            yield fields["event"], int(fields["id"]) if "id" in fields else None, orjson.loads(fields["data"])
            fields = {}


def minutes(heard: Heard) -> list[int]:
    return [(row[0] // 1000 - T) // 60 for part in heard[2] for row in part["bars"]]


def test_a_viewer_is_told_of_its_symbol_as_it_is_committed(served: Settings, store: ForecastStore, symbol: str) -> None:
    with watching(served, symbol=symbol) as heard:
        assert next(heard)[2] == []  # nothing was missed
        store.store([bar("OTHER", 7)], [])
        store.store([bar(symbol, 1), bar("OTHER", 8)], [])
        told = next(heard)
    assert minutes(told) == [1]
    assert told[2][0]["symbol"] == symbol


def test_one_who_names_no_symbol_is_told_of_all(served: Settings, store: ForecastStore, symbol: str) -> None:
    with watching(served) as heard:
        next(heard)
        store.store([bar(symbol, 1), bar("OTHER" + symbol, 1)], [])
        assert {part["symbol"] for part in next(heard)[2]} == {symbol, "OTHER" + symbol}


def test_one_who_comes_back_is_told_what_it_missed(served: Settings, store: ForecastStore, symbol: str) -> None:
    cursor = newest(served, symbol)
    store.store([bar(symbol, 1)], [])
    with watching(served, symbol=symbol, since=cursor) as heard:
        event, batch, _ = first = next(heard)
        assert (event, minutes(first)) == ("rows", [1])
    store.store([bar(symbol, 2)], [])
    store.store([bar(symbol, 3)], [])
    with watching(served, last=str(batch), symbol=symbol, since=cursor) as heard:
        assert minutes(next(heard)) == [2, 3]


@pytest.mark.parametrize("last", ["999999999", "yesterday", "9" * 40])
def test_one_who_names_what_is_not_known_has_to_load_anew(
    served: Settings, store: ForecastStore, symbol: str, last: str
) -> None:
    with watching(served, last=last, symbol=symbol) as heard:
        assert next(heard)[0] == "anew"
        store.store([bar(symbol, 1)], [])
        assert minutes(next(heard)) == [1]


def test_after_a_batch_older_than_a_day_all_has_to_be_loaded_anew(
    served: Settings, store: ForecastStore, symbol: str
) -> None:
    cursor = newest(served, symbol)
    store.store([bar(symbol, 1)], [])
    with psycopg.connect(served.postgres()) as other:
        other.execute("delete from batches where id <= %s", [int(cursor[1:])])
    with watching(served, symbol=symbol, since=cursor) as heard:
        assert next(heard)[0] == "anew"
    whole = requests.get(at(served, "/data"), {"symbol": symbol, "since": cursor}, timeout=30).json()
    assert (whole["whole"], len(whole["bars"])) == (True, 2)


def test_a_broken_listener_is_told_and_misses_nothing(served: Settings, store: ForecastStore, symbol: str) -> None:
    with watching(served, symbol=symbol) as heard:
        next(heard)
        store.store([bar(symbol, 1)], [])
        next(heard)  # it listens
        with psycopg.connect(served.postgres("postgres"), autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stockml dashboard'"
            )
        assert next(heard)[0] == "trouble"
        store.store([bar(symbol, 2)], [])
        assert minutes(next(heard)) == [2]


def test_a_viewer_that_reads_nothing_is_cut_off_and_others_go_on(
    served: Settings, store: ForecastStore, symbol: str
) -> None:
    many = [f"{symbol}{n}" for n in range(500)]
    with socket.socket() as slow, watching(served, symbol=symbol) as heard:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.dashboard_port))
        slow.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        slow.recv(100)  # it has joined
        next(heard)
        for minute in range(1, 400):
            store.store([bar(name, minute) for name in [symbol, *many]], [])
            assert minutes(next(heard)) == [minute]
        slow.settimeout(20)
        while slow.recv(1_000_000):
            pass  # what was under way, and then the end


def test_an_unknown_symbol_is_404_and_a_bad_one_400(served: Settings) -> None:
    unknown, bad = (requests.get(at(served, "/stream"), {"symbol": s}, timeout=30) for s in ("NONE", "A\x00"))
    assert (unknown.status_code, bad.status_code) == (404, 400)
    assert "no symbol 'NONE'" in unknown.json()["error"]
    assert bad.json()["parameter"] == "symbol"


@contextmanager
def every_event(s: Settings, symbol: str) -> Iterator[Iterator[Heard]]:
    with requests.get(at(s, "/stream"), {"symbol": symbol}, stream=True, timeout=30) as answer:
        yield events(answer)


def absurd(s: Settings, store: ForecastStore, symbol: str) -> None:
    """Store forecasts of a symbol, and past the gate, by SQL, closes with which no score can be computed."""
    numbers = (1.0, 1.0, 0.5, 1.5, 0.4, 1.6, 0.3, 1.7)
    times = [T + 60 * minute for minute in (1, 2)]
    store.store(
        [], [ForecastRow(symbol, ts, 1, ts + 60, "2024-03-01", *numbers, "1", 0.0, ts + 1.0, False) for ts in times]
    )
    insert = "insert into bars values (%s, to_timestamp(%s), %s, %s, %s, %s, 0, false, 'sandbox', false)"
    with psycopg.connect(s.postgres(), autocommit=True) as other:
        for ts, close in zip(times, (1e200, 1e100), strict=True):
            other.execute(insert, [symbol, ts + 60, *[close] * 4])


def test_an_absurd_row_of_one_symbol_is_told_to_its_viewers_and_all_others_get_their_states(
    served: Settings, store: ForecastStore, symbol: str
) -> None:
    bad = "BAD" + symbol
    absurd(served, store, bad)
    answers = {name: requests.get(at(served, "/data"), {"symbol": name}, timeout=30) for name in (bad, symbol)}
    assert {name: answer.status_code for name, answer in answers.items()} == {bad: 503, symbol: 200}
    assert "cannot compute with the rows that it holds: value out of range" in answers[bad].json()["error"]
    assert answers[bad].json()["kind"] == "bad_rows"
    with every_event(served, bad) as theirs, every_event(served, symbol) as ours:
        assert next(event for event in theirs if event[0] == "trouble")[2] == answers[bad].json()
        states = [event for event, _ in zip((event for event in ours if event[0] == "state"), range(2), strict=False)]
        assert [state[2]["last_bar"] for state in states] == [T * 1000] * 2
        store.store([bar(symbol, 1), bar(bad, 5)], [])
        assert minutes(next(event for event in ours if event[0] == "rows")) == [1]
        assert minutes(next(event for event in theirs if event[0] == "rows" and event[2])) == [5]
    listed = [row[0] for row in requests.get(at(served, "/symbols"), timeout=30).json()["symbols"]]
    assert {bad, symbol} <= set(listed)
    assert requests.get(at(served, "/readyz"), timeout=30).status_code == 200


def started_at(s: Settings) -> str:
    """Return the start time of the process that answers, as its figures tell it."""
    text = requests.get(at(s, "/metrics"), timeout=30).text
    return next(line for line in text.splitlines() if line.startswith("process_start_time_seconds"))


def test_a_loop_that_dies_of_an_error_that_nobody_expected_ends_its_process_and_another_one_goes_on(
    served: Settings, store: ForecastStore, symbol: str
) -> None:
    before = started_at(served)
    with psycopg.connect(served.postgres(), autocommit=True) as other, watching(served, symbol=symbol) as heard:
        next(heard)
        other.execute("alter table service_state rename column state to another")
        try:
            with pytest.raises(requests.exceptions.RequestException):
                next(heard)  # the line breaks
        finally:
            other.execute("alter table service_state rename column another to state")
    assert started_at(served) != before
    with watching(served, symbol=symbol) as heard:
        next(heard)
        store.store([bar(symbol, 1)], [])
        assert minutes(next(heard)) == [1]
