"""A batch of symbols from the source to clean bars, on real servers: bad symbols, a spent day, a killed task."""

import logging
import multiprocessing
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
import pytest
import requests
from pydantic import SecretStr

from local import probes
from stock_ml import errors
from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.ingestion.download import download
from stock_ml.ingestion.ingest_batch import AT_ONCE, ingest_batch
from stock_ml.ingestion.outcomes import missing_symbols
from stock_ml.ingestion.plan import is_ingested, make_plan
from tests.adapters.conftest import empty, move_clock
from tests.adapters.test_ingest import broken, everything, halved
from tests.servers import tables

SYMBOLS = ("AAPL", "AMD", "AMZN", "GOOGL", "IBM", "INTC", "META", "MSFT", "NVDA", "TSLA")
MONTH = "2024-02"


@pytest.fixture
def s(s3: Settings, sandbox: Settings) -> Settings:
    own = s3.model_copy(update={"s3_bucket": "batches", "symbols": SYMBOLS, "history_months": 1})
    empty(lake := Lake.connect(own))
    lake.write_convention("start")  # which symbol teaches it is chance where several are cleaned at once
    return own


def batch_of(s: Settings, *symbols: str, month: str = MONTH, **more: Any) -> Any:
    items = [{"symbol": symbol, "months": [month], **more} for symbol in symbols]
    return {"items": items, "planned_at": requests.get(f"{s.sandbox}/clock", timeout=30).json()["market"]}


def answered(s: Settings) -> int:
    """Return how many requests for bars the exchange itself counted."""
    return sum(requests.get(f"{s.sandbox}/answered", timeout=30).json().values())


def clean(s: Settings) -> list[str]:
    lake = Lake.connect(s)
    return [symbol for symbol in SYMBOLS if {MONTH, "2023-11"} & set(lake.clean_months(symbol))]


def test_bad_symbols_stop_no_other_and_are_not_tried_again_with_the_batch(s, caplog):
    caplog.set_level(logging.INFO)
    ingest_batch(s, batch_of(s, "GOOGL", month="2024-01"))
    caplog.clear()
    broken(s, MONTH, None)
    batch = batch_of(s, "AAPL", "no such", "GOOGL", "MSFT")
    with pytest.raises(errors.BatchFailed, match=r"^2 of 4 symbols are not clean.* no such: BadSymbol") as e:
        ingest_batch(s, batch)
    expected = {"no such": errors.BadSymbol, "GOOGL": errors.BadQuality}
    assert {name: type(error) for name, error in e.value.errors.items()} == expected
    assert clean(s) == ["AAPL", "MSFT"]
    lines = [line for line in caplog.messages if " is clean: " in line or " is not clean: " in line]
    assert sorted(line.split(" is ")[0] for line in lines) == ["AAPL", "GOOGL", "MSFT", "no such"]
    before, asked = everything(s), answered(s)
    with pytest.raises(errors.BatchFailed, match="2 failed for good in an earlier try") as e:
        ingest_batch(s, batch, again=True, failed=["no such", "GOOGL"])
    assert (e.value.errors, answered(s), everything(s)) == ({}, asked, before)
    told = [{"batch": 0, "symbol": "", "reason": "TimedOut: why"}]
    assert missing_symbols(s, [batch], [0], told) == dict.fromkeys(("no such", "GOOGL"), "TimedOut: why")


def test_a_batch_of_one_raises_the_error_of_its_symbol(s):
    with pytest.raises(errors.BadSymbol):
        ingest_batch(s, batch_of(s, "no such"))


def test_what_another_run_received_and_what_goes_on_is_requested_once(s):
    move_clock(s, 0)
    batch = batch_of(s, "AAPL", "MSFT", month="2024-03")
    asked = answered(s)
    assert ingest_batch(s, batch) == ["AAPL", "MSFT"]
    assert answered(s) == asked + 2
    move_clock(s, 120)  # the market goes on, and the session has newer bars than the run was planned for
    assert ingest_batch(s, batch) == ingest_batch(s, batch, again=True) == ["AAPL", "MSFT"]
    assert answered(s) == asked + 2
    assert ingest_batch(s, batch_of(s, "AAPL", "MSFT", month="2024-03")) == ["AAPL", "MSFT"]
    assert answered(s) == asked + 4


def test_what_a_person_asks_for_anew_is_requested_once_whatever_becomes_of_the_task(s):
    ingest_batch(s, batch_of(s, "AAPL", "MSFT"))
    move_clock(s, 120)
    forced, asked = batch_of(s, "AAPL", "MSFT", force=True), answered(s)
    download(s, forced["items"][0], planned_at=forced["planned_at"])  # and then the task was killed
    for _ in range(2):
        ingest_batch(s, forced, again=True)
    assert answered(s) == asked + 2


def test_a_month_without_bars_is_asked_for_once_in_a_run(s):
    batch = batch_of(s, "AAPL", "MSFT")
    for item in batch["items"]:
        item["months"] = ["1999-12", MONTH]
    asked = answered(s)
    ingest_batch(s, batch)
    found = answered(s) - asked
    ingest_batch(s, batch, again=True)
    assert (found, answered(s) - asked) == (4, 4)


def ingest_in_a_process(s: Settings, batch: Any) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=ingest_batch, args=(s, batch))
    process.start()
    return process


def test_a_batch_that_is_killed_goes_on_where_it_was(s, caplog):
    caplog.set_level(logging.INFO)
    move_clock(s, 0)
    batch, asked = batch_of(s, *SYMBOLS), answered(s)
    process = ingest_in_a_process(s, batch)
    probes.wait("the first clean symbol", lambda: bool(clean(s)), 60)
    process.kill()
    process.join()
    lake = Lake.connect(s)
    done = [item["symbol"] for item in batch["items"] if is_ingested(s, lake, item, batch["planned_at"])]
    before = everything(s)
    assert ingest_batch(s, batch, again=True) == list(SYMBOLS)
    assert sorted(line.split()[0] for line in caplog.messages if line.endswith(" is clean already")) == sorted(done)
    assert len(SYMBOLS) <= answered(s) - asked <= len(SYMBOLS) + AT_ONCE  # those under way may have been lost
    after = everything(s)
    assert {key: after[key] for name in done for key in after if f"symbol={name}/" in key} == {
        key: before[key] for name in done for key in before if f"symbol={name}/" in key
    }
    for symbol in SYMBOLS:
        lake.drop_clean(symbol, MONTH)
    ingest_batch(s, batch)
    assert everything(s) == after  # as if nothing had happened


@pytest.fixture
def of_a_key(s: Settings, postgres: Settings) -> Settings:
    """The same exchange as Alpha Vantage, whose key may ask twice a day."""
    tables(postgres)
    with psycopg.connect(postgres.postgres()) as connection:
        connection.execute("truncate requests_spent")
    given = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr("of the batch")}
    given |= {"alphavantage_url": f"{s.sandbox}/query", "requests_per_day": 2, "requests_per_minute": 6000}
    return s.model_copy(update=given)


def test_of_a_batch_that_finds_the_day_spent_what_is_done_stays_and_the_rest_waits(of_a_key, postgres):
    s, lake = of_a_key, Lake.connect(of_a_key)
    batch = batch_of(s, "AAPL", "MSFT", "GOOGL", "IBM", month="2023-11") | {"planned_at": time.time()}
    with pytest.raises(errors.BatchFailed) as e:
        ingest_batch(s, batch)
    assert {name: type(error) for name, error in e.value.errors.items()} == dict.fromkeys(
        ("GOOGL", "IBM"), errors.DailyLimit
    )
    assert clean(s) == ["AAPL", "MSFT"]
    assert [lake.quality.read_left(name) for name in ("MSFT", "GOOGL", "IBM")] == [[], ["2023-11"], ["2023-11"]]
    with psycopg.connect(postgres.postgres()) as connection:  # the next day comes
        connection.execute("truncate requests_spent")
    assert len(ingest_batch(s, batch, again=True)) == 4
    with psycopg.connect(postgres.postgres()) as connection:
        assert connection.execute("select sum(requests)::int from requests_spent").fetchone() == (2,)
    assert clean(s) == ["AAPL", "GOOGL", "IBM", "MSFT"]


@dataclass(frozen=True)
class BreaksDown(Lake):
    """Store so many months of clean bars, and then no more."""

    written: list[str] = field(default_factory=list)
    most: int = 0

    def write_clean(self, symbol: str, month: str, bars: Any) -> str:
        if len(self.written) == self.most:
            raise errors.StoreUnavailable("the store went away")
        self.written.append(month)
        return super().write_clean(symbol, month, bars)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_revision_that_was_written_in_part_is_written_whole_by_the_next_try(s, written):
    lake = Lake.connect(s)
    old = {month: halved(s, month) for month in ("2024-01", "2024-02", "2024-03")}
    clean_symbol(s, {"symbol": "GOOGL", "months": list(old), "raw": old})
    batch = batch_of(s, "GOOGL", month="2024-03")
    item = download(s, batch["items"][0], planned_at=batch["planned_at"])
    assert list(item["revisions"]) == ["2024-03", "2024-02", "2024-01"]
    with pytest.raises(errors.StoreUnavailable):
        clean_symbol(s, item, BreaksDown(lake.objects, lake.source, most=written))
    assert not is_ingested(s, lake, batch["items"][0], batch["planned_at"])
    ingest_batch(s, batch, again=True)
    close = lake.read_clean(["GOOGL"])["close"].to_numpy()
    assert np.abs(np.diff(np.log(close))).max() < 0.4  # nothing old is glued to anything new
    assert make_plan(s.model_copy(update={"symbols": ("GOOGL",)})).requests == 0
