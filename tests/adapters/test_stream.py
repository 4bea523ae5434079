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

from local.servers.services import programs
from stock_ml.adapters.postgres.store import BarRow, ForecastStore
from stock_ml.config import Settings
from tests.servers import running, tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
Heard = tuple[str, int | None, Any]


@pytest.fixture(scope="module")
def served(postgres: Settings) -> Iterator[Settings]:
    tables(postgres)
    with running(next(p for p in programs(postgres) if p.name == "dashboard"), postgres):
        yield postgres


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
    return str(requests.get(at(s, "/data"), {"symbol": symbol}, timeout=10).json()["next"])


@contextmanager
def watching(s: Settings, last: str | None = None, **asked: str) -> Iterator[Iterator[Heard]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with requests.get(at(s, "/stream"), asked, headers=headers, stream=True, timeout=10) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: requests.Response) -> Iterator[Heard]:
    """Yield the events but for states."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        fields[name] = value
        if not line and "data" in fields:
            if fields["event"] != "state":
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
    whole = requests.get(at(served, "/data"), {"symbol": symbol, "since": cursor}, timeout=10).json()
    assert (whole["whole"], len(whole["bars"])) == (True, 2)


def test_a_broken_listener_is_told_and_misses_nothing(served: Settings, store: ForecastStore, symbol: str) -> None:
    with watching(served, symbol=symbol) as heard:
        next(heard)
        store.store([bar(symbol, 1)], [])
        next(heard)  # it listens
        with psycopg.connect(served.postgres(), autocommit=True) as other:
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
    unknown, bad = (requests.get(at(served, "/stream"), {"symbol": s}, timeout=10) for s in ("NONE", "A\x00"))
    assert (unknown.status_code, bad.status_code) == (404, 400)
    assert "no symbol 'NONE'" in unknown.json()["error"]
    assert bad.json()["parameter"] == "symbol"
