"""Candles of an exchange of coins become clean bars of UTC days in a real lake."""

import numpy as np
import pytest

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings, load
from stock_ml.domain.bars import epoch
from stock_ml.domain.calendar import sessions
from stock_ml.ingestion.download import download_from
from stock_ml.sources.crypto import Crypto
from stock_ml.sources.crypto_client import Candles
from tests.adapters.conftest import empty
from tests.crypto import candles, invented, market, serving, span_of
from tests.http import answering

ALWAYS = sessions("24/7")
MARCH = int(np.datetime64("2024-03-01", "s").astype(int))
DAY = 86_400
HOLE = range(MARCH + DAY + 6 * 3600, MARCH + DAY + 8 * 3600)  # of maintenance
ITEM = {"symbol": "BTC/USD", "months": ["2024-03"]}


def settings_of(exchange: str, s3: Settings) -> Settings:
    own = load(_env_file=None, source="crypto", crypto_exchange=exchange, history_months=1)
    shared = {name: getattr(s3, name) for name in ("s3_port", "s3_access_key", "s3_secret_key", "home")}
    s = own.model_copy(update={**shared, "s3_bucket": "crypto"})
    empty(Lake.connect(s))
    return s


def ingested(s: Settings, address: str, now: float) -> Lake:
    source = Crypto.connect(s.model_copy(update={"crypto_url": address}))
    assert isinstance(source.candles, Candles)
    source.candles.pause, source.now = 0.0, lambda: now
    clean_symbol(s, download_from(source, s, ITEM))  # type: ignore[arg-type]
    return Lake.connect(s)


def with_a_hole(path: str, query: dict[str, str]) -> tuple[int, bytes]:
    start, end = span_of("coinbase", query)
    return 200, candles("coinbase", [row for row in invented(start, end + 60) if row[0] not in HOLE])


def test_a_month_of_days_is_clean_across_midnight_and_its_hole_is_a_feed_gap(s3: Settings) -> None:
    with answering(serving(with_a_hole)) as address:
        lake = ingested(settings_of("coinbase", s3), address, MARCH + 3.0 * DAY)
    bars = lake.read_clean(["BTC/USD"])
    ts = epoch(bars["ts"])
    assert lake.clean_months("BTC/USD") == ["2024-03"]
    assert ts.tolist() == [at for at in range(ts[0], MARCH + 3 * DAY, 60) if at not in HOLE]
    assert not np.isin(ts[~bars["filled"]] // 60 % 17, 0).any()  # nobody traded then
    assert np.isin([MARCH + DAY - 60, MARCH + DAY], ts).all()
    report = lake.read_quality("BTC/USD", "2024-03")
    assert report is not None
    assert report["rules"]["exchange"] == "24/7"
    assert [gap["minutes"] for gap in report["feed_gaps"]] == [pytest.approx(120, abs=2)]


def test_kraken_s_answers_of_twelve_hours_complement_each_other(s3: Settings) -> None:
    s = settings_of("kraken", s3)
    for now in (MARCH + DAY / 2, MARCH + 0.9 * DAY, MARCH + 1.3 * DAY):
        with answering(serving(market("kraken", now))) as address:
            lake = ingested(s, address, now)
    ts = epoch(lake.read_clean(["BTC/USD"])["ts"])
    assert len(lake.raw_keys("BTC/USD", "2024-03")) == 3
    assert ts.tolist() == list(range(ts[0], int(MARCH + 1.3 * DAY), 60))
    assert ts[0] <= MARCH + 180
