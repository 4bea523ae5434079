"""PostgreSQL stands still for a while (SIGSTOP): all that asks it says so in time, and goes on when it does."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from subprocess import Popen
from typing import Any

import psutil
import pytest
import requests

from local import ports, probes
from local.servers.services import programs
from stock_ml.adapters.host.listeners import pid_on
from stock_ml.adapters.postgres.connection import Connection, Database
from stock_ml.adapters.postgres.store import BarRow, ForecastStore
from stock_ml.adapters.postgres.store.statements import STAGING
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from tests.adapters.test_stream import events
from tests.servers import running, tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
SYMBOL = "FROZEN"


class Freezer:
    """Stop a server and all its children where they stand, and let them go on."""

    def __init__(self, port: int) -> None:
        self._server = psutil.Process(pid_on(port))
        self._stopped: list[psutil.Process] = []

    def freeze(self) -> None:
        self._server.suspend()  # first: it makes no more children
        self._stopped = [self._server, *self._server.children(recursive=True)]
        for process in self._stopped:
            process.suspend()

    def thaw(self) -> None:
        for process in self._stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


@pytest.fixture
def postgres_process(postgres: Settings) -> Iterator[Freezer]:
    tables(postgres)
    freezer = Freezer(postgres.postgres_port)
    yield freezer
    freezer.thaw()


@pytest.fixture
def page(postgres: Settings) -> Settings:
    """Settings of a dashboard beside that of other tests of this run."""
    return postgres.model_copy(update={"dashboard_port": ports.free(1)[0]})


@pytest.fixture
def dashboard(page: Settings, postgres_process: Freezer) -> Iterator[Popen[bytes]]:
    with closing(ForecastStore.connect(page)) as store:
        store.store([bar(0)])
    with running(next(p for p in programs(page) if p.name == "dashboard"), page) as process:
        yield process


def bar(minute: int) -> BarRow:
    return BarRow(SYMBOL, T + 60 * minute, 1.0, 1.0, 1.0, 1.0, 10.0, False, "sandbox", False)


def get(s: Settings, path: str, seconds: float) -> requests.Response:
    """Return the response to a request, which came in time."""
    begun = time.monotonic()
    response = requests.get(f"http://127.0.0.1:{s.dashboard_port}{path}", timeout=30)
    assert time.monotonic() - begun < seconds, path
    return response


def says(s: Settings, path: str, status: int) -> Callable[[], bool]:
    return lambda: get(s, path, 10).status_code == status


def test_the_dashboard_answers_while_postgresql_stands_still_and_goes_on_after(
    page: Settings, postgres_process: Freezer, dashboard: Popen[bytes]
) -> None:
    s = page
    worker = psutil.Process(dashboard.pid).children()[0].pid
    asked = {"symbol": SYMBOL}
    with requests.get(f"http://127.0.0.1:{s.dashboard_port}/stream", asked, stream=True, timeout=15) as stream:
        heard = (event for event in events(stream) if event[0] != "state")
        assert next(heard)[0] == "rows"
        get(s, f"/data?symbol={SYMBOL}", 10)
        postgres_process.freeze()
        for _ in range(3):
            health = get(s, "/healthz", 2)
            assert (health.status_code, health.json()["database"]) == (200, False)
            ready = get(s, "/readyz", 5)
            assert ready.status_code == 503
            assert "answer" in ready.json()["waiting"]["postgresql"]
        with ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda _: get(s, f"/data?symbol={SYMBOL}", 10), range(30)))
        assert {(answer.status_code, answer.json()["kind"]) for answer in answers} == {(503, "store_unavailable")}
        assert next(heard)[0] == "trouble"  # within the 15 s of the request's timeout
        assert get(s, f"/stream?symbol={SYMBOL}", 10).status_code == 503
        postgres_process.thaw()
        probes.wait("readiness", says(s, "/readyz", 200), 20)
        probes.wait("data", says(s, f"/data?symbol={SYMBOL}", 200), 20)
        with closing(ForecastStore.connect(s)) as store:
            store.store([bar(1)])
        rows = next(event for event in heard if event[0] == "rows")
        assert rows[2][0]["bars"][0][0] == (T + 60) * 1000
    assert psutil.Process(dashboard.pid).children()[0].pid == worker, "nothing was restarted"


def test_a_store_gives_up_in_time_and_stores_once_when_it_goes_on(
    postgres: Settings, postgres_process: Freezer
) -> None:
    database = Database(postgres.postgres(), "test", postgres.source, set_up=STAGING, connect_timeout=2)
    with closing(ForecastStore(Connection(replace(database, silence=1.0)))) as store:
        rows: Any = [bar(minute) for minute in range(2, 5)]
        store.store(rows[:1])
        postgres_process.freeze()
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable, match="does not answer"):
                store.store(rows)
            with pytest.raises(StoreUnavailable):
                store.write_state("test", {})
            assert time.monotonic() - begun < 8
        postgres_process.thaw()
        store.store(rows)
        assert store.store(rows) == (0, 0)
        assert [each.ts for each in store.received({SYMBOL: T + 6000}, 3)[SYMBOL]] == [row.ts for row in rows]


def test_a_service_that_reports_stands_still_for_seconds_only(postgres: Settings, postgres_process: Freezer) -> None:
    with closing(ForecastStore.connect(postgres)) as store:
        store.write_state("test", {})
        postgres_process.freeze()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="silent for 3 s"):
            store.write_state("test", {})
        assert time.monotonic() - begun < 5
