"""The client of exchanges of coins over real HTTP, against answers in the layouts of Coinbase, Kraken and Binance."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import numpy as np
import orjson
import pytest
from tenacity import stop_after_attempt, wait_none

from stock_ml import errors
from stock_ml.config import load
from stock_ml.doctor.source_access import ask
from stock_ml.domain.calendar import sessions
from stock_ml.sources.crypto import Crypto
from stock_ml.sources.crypto_client import Candles
from stock_ml.sources.crypto_exchanges import EXCHANGES
from stock_ml.sources.parsing import bars_of, read
from stock_ml.sources.retry import RETRIES
from tests.crypto import candles, invented, market, serving
from tests.http import answering, send

ALWAYS = sessions("24/7")
NOW = float(np.datetime64("2024-03-03T15:30:20", "s").astype(int))  # a Sunday
MARCH = int(np.datetime64("2024-03-01", "s").astype(int))


def opened(exchange: str, address: str, now: float = NOW) -> Crypto:
    s = load(_env_file=None, source="crypto", crypto_exchange=exchange, crypto_url=address)
    source = Crypto.connect(s)
    assert isinstance(source.candles, Candles)
    source.now = lambda: now
    source.retries = RETRIES.copy(wait=wait_none(), stop=stop_after_attempt(2))
    return source


def finished(start: int, end: float) -> list[int]:
    return [ts for ts, _ in invented(start, int(end)) if ts + 60 <= end]


@pytest.mark.parametrize(("exchange", "requests"), [("coinbase", 13), ("binance", 4), ("kraken", 1)])
def test_a_month_is_requested_in_windows_and_kept_byte_for_byte(exchange: str, requests: int) -> None:
    sent = []

    def noted(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        status, body = market(exchange, NOW)(path, query)
        sent.append(body)
        return status, body

    with answering(serving(noted)) as address:
        received = opened(exchange, address).fetch("BTC/USD", "2024-03")
    assert received.body == b"[" + b",\n".join(sent) + b"]"
    assert len(sent) == requests
    assert (received.source, received.symbol, received.month, received.fetched_at) == (
        "crypto",
        "BTC/USD",
        "2024-03",
        NOW,
    )
    expected = finished(MARCH, NOW)
    found = [bar.ts for bar in bars_of(received, "start", ALWAYS)]
    assert found == (expected[-len(found) :] if exchange == "kraken" else expected)
    assert len(found) >= 670


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_bar_has_the_values_of_its_candle_and_the_forming_one_is_none(exchange: str) -> None:
    with answering(serving(market(exchange, NOW))) as address:
        received = opened(exchange, address).newest("BTC/USD")
    bars = bars_of(received, "start", ALWAYS)
    truth = dict(invented(MARCH, int(NOW)))
    assert all([bar.open, bar.high, bar.low, bar.close, bar.volume] == truth[bar.ts] for bar in bars)
    assert bars[-1].ts == finished(MARCH, NOW)[-1]
    assert int(read(received)["ts"].max()) == NOW // 60 * 60  # it came, and is not final


def test_what_was_missed_comes_with_the_next_answer_and_a_quick_one_takes_one_request() -> None:
    spans: list[str] = []

    def noted(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        spans.append(query["start"])
        return market("coinbase", NOW)(path, query)

    with answering(serving(noted)) as address:
        source = opened("coinbase", address, NOW - 8 * 3600)
        counts = []
        for now in (NOW - 8 * 3600, NOW - 8 * 3600 + 60, NOW):
            source.now = lambda now=now: now  # type: ignore[misc]
            last = source.newest("BTC/USD")
            counts.append(len(spans))
    assert np.diff([0, *counts]).tolist() == [5, 1, 2]  # a day, a minute, eight hours
    missed = finished(int(NOW - 8 * 3600), NOW)
    assert set(missed) <= {bar.ts for bar in bars_of(last, "start", ALWAYS)}


REFUSALS: list[tuple[str, int, object, type[errors.SourceError], str]] = [
    ("coinbase", 404, {"message": "NotFound"}, errors.BadSymbol, "Coinbase has no such market; write it as BTC/USD"),
    ("kraken", 200, {"error": ["EQuery:Unknown asset pair"]}, errors.BadSymbol, "Kraken has no such market"),
    ("binance", 400, {"code": -1121, "msg": "Invalid symbol."}, errors.BadSymbol, "Binance has no such market"),
    ("binance", 451, {"code": 0, "msg": "restricted location"}, errors.BlockedRegion, "choose another exchange with"),
    ("coinbase", 403, "<html>", errors.BlockedRegion, "does not serve every country"),
    ("coinbase", 429, {"message": "Public rate limit exceeded"}, errors.BurstLimit, "too many requests"),
    ("kraken", 200, {"error": ["EGeneral:Too many requests"]}, errors.BurstLimit, "too many requests"),
    ("binance", 418, {"code": -1003, "msg": "Way too much request weight used"}, errors.BurstLimit, "too many"),
    ("kraken", 200, {"error": ["EService:Unavailable"]}, errors.ServerError, "may go through later"),
    ("coinbase", 500, {"message": "Internal"}, errors.ServerError, "may go through later"),
    ("coinbase", 400, {"message": "exceeds 300"}, errors.InvalidResponse, "has its service changed"),
    ("coinbase", 200, {"chart": {}}, errors.InvalidResponse, "no candles of Coinbase, Kraken or Binance"),
    ("coinbase", 200, [[1, 2]], errors.InvalidResponse, "no candles"),
    ("binance", 200, [[1.5] * 12], errors.InvalidResponse, "no candles"),
]


@pytest.mark.parametrize(("exchange", "status", "said", "kind", "words"), REFUSALS)
def test_each_refusal_is_one_typed_error(
    exchange: str, status: int, said: object, kind: type[errors.SourceError], words: str
) -> None:
    with answering(serving(lambda *_: (status, orjson.dumps(said)))) as address:
        source = opened(exchange, address)
        with pytest.raises(kind, match=words) as caught:
            source.fetch("BTC/USD", "2024-03")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda request: send(request, b""), errors.EmptyResponse),
        (lambda request: send(request, b"<html>"), errors.InvalidResponse),
        (
            lambda request: send(request, candles("coinbase", invented(MARCH, MARCH + 6000))[:-9]),
            errors.InvalidResponse,
        ),
        (lambda request: request.connection.close(), errors.SourceUnavailable),
    ],
)
def test_a_broken_answer_is_one_typed_error(
    fault: Callable[[BaseHTTPRequestHandler], None], kind: type[errors.SourceError]
) -> None:
    with answering(fault) as address:
        source = opened("coinbase", address)
        with pytest.raises(kind):
            source.fetch("BTC/USD", "2024-03")


def test_a_name_that_cannot_be_resolved_says_so_at_once() -> None:
    with pytest.raises(errors.NoNetwork, match="is this machine on a network that reaches it"):
        opened("kraken", "http://exchange.invalid").newest("BTC/USD")


def test_one_error_between_two_answers_is_retried() -> None:
    failures = iter([True])

    def once(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        return (502, b"") if next(failures, False) else market("binance", NOW)(path, query)

    with answering(serving(once)) as address:
        received = opened("binance", address).fetch("BTC/USD", "2024-03")
    assert len(bars_of(received, "start", ALWAYS)) == len(finished(MARCH, NOW))


@pytest.mark.parametrize("month", ["2023-01", "2031-02"])
def test_a_month_out_of_reach_is_not_even_requested(month: str) -> None:
    source = opened("kraken", "http://127.0.0.1:1")
    with pytest.raises(errors.NoBars, match=rf"Kraken has no minute bars of BTC/USD in {month}"):
        source.fetch("BTC/USD", month)


def test_a_market_of_an_exchange_s_own_name_is_requested_by_it() -> None:
    with answering(serving(market("binance", NOW))) as address:
        assert opened("binance", address).newest("BTCUSDT").request["candles"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (404, {"message": "NotFound"}, r"source crypto has nothing of NOP/USD: see SYMBOLS=….*no such market"),
        (451, {"msg": "restricted location"}, "refuses this machine: it does not serve every country"),
    ],
)
def test_the_source_is_asked_before_anything_starts(status: int, said: object, words: str) -> None:
    s = load(_env_file=None, source="crypto", symbols="NOP/USD")
    refuses = answering(serving(lambda *_: (status, orjson.dumps(said))))
    with refuses as address, pytest.raises(errors.SourceError, match=words):
        ask(s.model_copy(update={"crypto_url": address}))


def test_an_exchange_that_does_not_answer_in_time_says_so() -> None:
    candle_client = Candles(EXCHANGES["coinbase"], "http://127.0.0.1:1")
    with pytest.raises(errors.SourceUnavailable, match="cannot be reached"):
        candle_client.request("BTC-USD", MARCH, MARCH + 60)
