"""Which requests a month and the newest bars take, and what the settings make of the source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.errors import BadSetting
from stock_ml.sources.crypto import request_count, spans, windows
from stock_ml.sources.crypto_exchanges import EXCHANGES
from stock_ml.sources.plugin import SourcePlugin
from stock_ml.sources.registry import requests_for

NOW = float(np.datetime64("2024-03-03T15:30:20", "s").astype(int))
MONTH = int(np.datetime64("2024-02-01", "s").astype(int)), int(np.datetime64("2024-03-01", "s").astype(int))


@pytest.mark.parametrize(("name", "whole", "this"), [("coinbase", 140, 13), ("binance", 42, 4), ("kraken", 0, 1)])
def test_how_many_requests_a_month_takes_is_known_before(name: str, whole: int, this: int) -> None:
    assert request_count(EXCHANGES[name], "2024-02", sessions("24/7"), NOW) == whole
    assert request_count(EXCHANGES[name], "2024-03", sessions("24/7"), NOW) == this
    assert request_count(EXCHANGES[name], "2024-05", sessions("24/7"), NOW) == 0
    s = load(_env_file=None, source="crypto", crypto_exchange=name)
    assert requests_for(s, "BTC/USD", "2024-02", NOW) == whole
    assert s.capabilities.per_minute == (60 if name == "kraken" else 240)


@given(st.sampled_from(["coinbase", "binance"]), st.integers(0, 3_000_000), st.integers(0, 200_000))
def test_the_requests_hold_each_minute_once_and_none_more_than_an_answer_may(name: str, since: int, wide: int) -> None:
    exchange, now = EXCHANGES[name], NOW
    found = list(spans(exchange, since, since + wide, now))
    minutes = [ts for start, end in found for ts in range(start, end + 1, 60)]
    assert minutes == list(range(since // 60 * 60, since + wide, 60)) if wide else not minutes or len(minutes) == 1
    assert all((end - start) // 60 < exchange.most for start, end in found)


@given(st.floats(1e9, 2e9))
def test_kraken_is_asked_once_for_what_it_keeps(now: float) -> None:
    [(start, _)] = spans(EXCHANGES["kraken"], int(now) - 86_400, int(now), now)
    assert now - start <= 720 * 60


def test_a_month_of_another_calendar_is_whole_days_of_its_zone() -> None:
    found = list(windows(EXCHANGES["coinbase"], "2024-02", sessions("XNYS"), NOW))
    assert (found[0][0], found[-1][1]) == (MONTH[0] + 5 * 3600, MONTH[1] + 5 * 3600 - 60)


def test_the_source_needs_no_other_setting() -> None:
    s = load(_env_file=None, source="crypto")
    assert (s.exchange, s.symbols, s.s3_bucket) == ("24/7", ("BTC/USD", "ETH/USD"), "stockml-crypto")
    assert (s.live, s.capabilities.whole_months, s.capabilities.pushes) == (True, True, False)
    assert s.calendars.of("BTC/USD").is_continuous


@pytest.mark.parametrize(("name", "whole"), [("kraken", False), ("binance", True)])
def test_the_exchange_decides_what_the_source_can_do(name: str, whole: bool) -> None:
    can = load(_env_file=None, source="crypto", crypto_exchange=name, exchange="24/5").capabilities
    assert (can.whole_months, can.rolling, can.pushes) == (whole, not whole, True)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_that_pushes_can_be_connected_to(name: str) -> None:
    plugin = load(_env_file=None, source="crypto", crypto_exchange=name).plugin
    assert isinstance(plugin, SourcePlugin)
    assert (plugin.connect is not None) == plugin.capabilities.pushes == bool(EXCHANGES[name].stream_url)


def test_an_unknown_exchange_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"STOCKML_CRYPTO_EXCHANGE: .*'coinbase', 'kraken' or 'binance'"):
        load(_env_file=None, source="crypto", crypto_exchange="mtgox")


def test_other_sources_keep_their_calendar_and_symbols() -> None:
    s = load(_env_file=None, source="yahoo")
    assert (s.exchange, len(s.symbols)) == ("XNYS", 5)
