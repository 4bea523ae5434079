"""S3 stands still in the middle of a step, and goes on later: an error in time, nothing half, and the work is done."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import pandas as pd
import pytest

from stock_ml.adapters.host.listeners import pid_on
from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.bars import validate
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.errors import StoreUnavailable
from stock_ml.ingestion.download import download, download_from
from stock_ml.ingestion.plan import make_plan
from stock_ml.sources.parsing import Response
from stock_ml.sources.registry import Source, open_source
from tests.adapters.conftest import empty

PATIENCE = 1  # seconds of silence, three times, with pauses of seconds between
ITEM: IngestItem = {"symbol": "GOOGL", "months": ["2024-01", "2024-02"]}


@pytest.fixture
def s(s3: Settings, sandbox: Settings) -> Settings:
    own = s3.model_copy(update={"s3_bucket": "frozen", "symbols": ("GOOGL",), "s3_timeout": PATIENCE})
    empty(Lake.connect(own))
    return own


@pytest.fixture
def freeze(s: Settings) -> Iterator[Callable[[], None]]:
    """Stop the server where it stands; at the test's end it goes on."""
    pid = pid_on(s.s3_port)
    assert pid
    yield lambda: os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)


def thaw(s: Settings) -> None:
    os.kill(pid_on(s.s3_port) or 0, signal.SIGCONT)


@dataclass
class FreezesWhileAsked:
    """Answer, and freeze the store before the second answer can be kept."""

    source: Source
    freeze: Callable[[], None]
    asked: int = 0
    name: str = "sandbox"

    def fetch(self, symbol: str, month: str) -> Response:
        self.asked += 1
        received = self.source.fetch(symbol, month)
        if self.asked == 2:
            self.freeze()
        return received

    def newest(self, symbol: str) -> Response:
        return self.source.newest(symbol)


@dataclass(frozen=True)
class FreezesWhileCleaned(Lake):
    """Freeze the store before the first month is written."""

    freeze: Callable[[], None]

    def write_clean(self, symbol: str, month: str, bars: pd.DataFrame) -> str:
        self.freeze()
        return super().write_clean(symbol, month, bars)


def told_in_time(step: Callable[[], object]) -> None:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"bucket frozen at http://127.0.0.1:\d+: Read timeout.*make status"):
        step()
    assert time.monotonic() - begun < 20


def nothing_half(lake: Lake) -> None:
    """See that each answer is whole, and that all bars of a clean month are."""
    for key in lake.objects.keys("raw/"):
        assert sha256(lake.objects.get(key) or b"").hexdigest() == key.rpartition("/")[2]
    for month in lake.clean_months("GOOGL"):
        assert len(validate(lake.read_month("GOOGL", month))) > 0


def test_a_download_goes_on_where_the_store_stood_still(s: Settings, freeze: Callable[[], None]) -> None:
    lake, asked = Lake.connect(s), FreezesWhileAsked(open_source(s), freeze)
    told_in_time(lambda: download_from(asked, s, ITEM))
    thaw(s)
    nothing_half(lake)
    assert len(lake.raw_keys("GOOGL", "2024-01")) == 1
    assert set(download(s, ITEM)["raw"]) == {"2024-01", "2024-02"}
    assert [len(lake.raw_keys("GOOGL", month)) for month in ITEM["months"]] == [1, 1]


def test_cleaning_is_done_again_after_the_store_stood_still(s: Settings, freeze: Callable[[], None]) -> None:
    lake, got = Lake.connect(s), download(s, ITEM)
    told_in_time(lambda: clean_symbol(s, got, FreezesWhileCleaned(lake.objects, lake.source, freeze)))
    thaw(s)
    nothing_half(lake)
    clean_symbol(s, got)
    nothing_half(lake)
    assert lake.clean_months("GOOGL") == ITEM["months"]
    asked = [month for item in make_plan(s).items for month in item["months"]]
    assert not set(asked) & set(ITEM["months"]), "nothing of them is left to do"
