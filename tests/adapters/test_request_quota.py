"""Requests are counted in a real PostgreSQL by all who use a key."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import psycopg
import pytest
from pydantic import SecretStr

from local import ports
from stock_ml.adapters.postgres.connection import Database
from stock_ml.adapters.postgres.request_quota import RequestQuota, fingerprint, request_budget, request_limiter
from stock_ml.config import Settings
from stock_ml.domain.request_budget import Budget
from stock_ml.errors import DailyLimit, StoreUnavailable
from tests.servers import tables

SECRET = "SECRETKEY0123456"


@pytest.fixture
def conninfo(postgres: Settings) -> str:
    """A database without counted requests."""
    tables(postgres)
    with psycopg.connect(postgres.postgres()) as connection:
        connection.execute("truncate requests_spent")
    return postgres.postgres()


def rows(conninfo: str) -> list[tuple]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("select key, day, requests from requests_spent order by minute").fetchall()


def reserve(conninfo: str, per_day: int, count: int, together: Barrier) -> tuple[list[float], int]:
    """Reserve by a connection of one's own; return the moments given, and how often the day was used up."""
    quota, moments, refused = RequestQuota(Database(conninfo, "test"), "a", Budget(60_000, per_day)), [], 0
    together.wait(60)
    for _ in range(count):
        try:
            moments.append(time.time() + quota.reserve())
        except DailyLimit:
            refused += 1
    return moments, refused


def test_processes_at_once_never_use_more_than_the_day_has(conninfo):
    together = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: reserve(conninfo, 40, 25, together), range(3)))
    assert sum(len(moments) for moments, _ in told) == 40
    assert sum(refused for _, refused in told) == 35
    assert sum(requests for _, _, requests in rows(conninfo)) == 40


def test_requests_are_spread_over_the_minute_whoever_makes_them(conninfo):
    one, other = (RequestQuota(Database(conninfo, "test"), "a", Budget(60)) for _ in range(2))
    waits = [quota.reserve() for quota in (one, other, one, other)]
    assert waits[0] == 0
    assert all(n - 1 < wait <= n for n, wait in enumerate(waits[1:], 1))


def test_each_key_has_a_budget_of_its_own_and_no_row_tells_a_key(conninfo, postgres):
    own = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr(SECRET), "requests_per_day": 1}
    request_limiter(postgres.model_copy(update=own))()
    request_limiter(postgres.model_copy(update=own | {"alphavantage_api_key": SecretStr("another")}))()
    quota = RequestQuota.connect(postgres.model_copy(update=own))
    assert quota.used_today() == 1
    with pytest.raises(DailyLimit, match=r"all 1 requests of .* STOCKML_REQUESTS_PER_DAY"):
        quota.acquire()
    assert sorted(key for key, _, _ in rows(conninfo)) == sorted([fingerprint(SECRET), fingerprint("another")])
    assert SECRET not in repr(rows(conninfo)) + repr(quota)
    assert all(isinstance(day, date) for _, day, _ in rows(conninfo))


def test_it_waits_until_its_moment(conninfo):
    slept: list[float] = []
    quota = RequestQuota(Database(conninfo, "test"), "a", Budget(60), slept.append)
    quota.acquire()
    quota.acquire()
    assert slept[0] == 0 < slept[1] <= 1


def test_a_source_that_counts_nothing_needs_no_database(settings):
    away = settings.model_copy(update={"postgres_port": ports.free(1)[0]})
    request_limiter(away)()
    assert request_budget(away) == Budget()


def test_a_server_that_is_away_or_lacks_the_table_is_a_typed_error(postgres, settings):
    away = settings.model_copy(update={"postgres_port": ports.free(1)[0]})
    for s, database in ((away, "stockml"), (postgres, "postgres")):
        with pytest.raises(StoreUnavailable, match=r"does not answer|lacks the tables"):
            RequestQuota(Database(s.postgres(database), "test"), "a", Budget(60)).reserve()


def test_a_source_without_a_key_has_one_pace_for_downloads_and_producer(postgres):
    yahoo = postgres.model_copy(update={"source": "yahoo", "symbols": tuple(f"S{n}" for n in range(300))})
    assert request_budget(yahoo).per_minute == 60
    downloads, producer = RequestQuota.connect(yahoo), RequestQuota.connect(yahoo)
    first = downloads.reserve()
    waits = [quota.reserve() - first for quota in (producer, downloads, producer, downloads)]
    assert all(n - 1 < wait <= n for n, wait in enumerate(waits, 1))
