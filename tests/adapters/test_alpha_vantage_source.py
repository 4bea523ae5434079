"""The client of Alpha Vantage over real HTTP, against the sandbox exchange and against nobody."""

import logging
import time

import pytest
import requests
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_none

from local import ports
from stock_ml import errors
from stock_ml.adapters.sources.alpha_vantage import RETRIES, AlphaVantage
from stock_ml.adapters.sources.intraday import Intraday
from stock_ml.adapters.sources.table import open_source
from stock_ml.config import Settings
from stock_ml.received import bars_of, label_convention, parse
from stock_ml.sessions import sessions
from tests.adapters.conftest import move_clock

KEY = "SECRETKEY0123456"


def with_key(sandbox: Settings, key: str, **given: object) -> AlphaVantage:
    """Return the source alpha_vantage, pointed at the sandbox."""
    own = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr(key)}
    own |= {"alphavantage_url": f"{sandbox.sandbox}/query", "requests_per_minute": 60_000}
    source = AlphaVantage.connect(sandbox.model_copy(update=own | given))
    source.retries = RETRIES.copy(wait=wait_none())
    return source


def test_a_month_arrives_as_it_was_sent_and_the_request_noted_has_no_key(sandbox):
    source = with_key(sandbox, KEY)
    received = source.fetch("GOOGL", "2024-02")
    sent = requests.get(f"{sandbox.sandbox}/query", params={**received.request, "apikey": "other"}, timeout=10)
    assert received.body == sent.content
    assert received.request["extended_hours"] == "true"
    assert KEY not in repr(received.request)
    assert label_convention(parse(received.body, received.where), sessions("XNYS")) == "start"


def test_the_newest_bars_are_of_regular_hours_and_finished_at_the_sandboxs_own_time(sandbox):
    now = requests.get(f"{sandbox.sandbox}/clock", timeout=5).json()["market"]
    received = open_source(sandbox).newest("AAPL")
    bars = bars_of(received, "start", "XNYS")
    assert received.fetched_at == now
    assert now - 300 < bars[-1].ts + 60 <= now
    assert (sessions("XNYS").number([bar.ts for bar in bars]) >= 0).all()


def test_each_bar_is_published_once_finished_and_stays_as_it_was(sandbox):
    source = open_source(sandbox)
    seen: dict[int, object] = {}
    for _ in range(5):
        move_clock(sandbox, 90)
        for bar in bars_of(source.newest("MSFT"), "start", "XNYS"):
            assert seen.setdefault(bar.ts, bar) == bar


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bad", errors.BadKey),
        ("premium", errors.PremiumEndpoint),
        ("daily-limit", errors.DailyLimit),
        ("empty", errors.EmptyAnswer),
    ],
)
def test_what_cannot_go_through_later_is_asked_once(sandbox, key, expected):
    source = with_key(sandbox, key)
    asked = count_requests(source.client)
    with pytest.raises(expected):
        source.newest("GOOGL")
    assert len(asked) == 1


def test_a_burst_is_tried_a_bounded_number_of_times(sandbox):
    source = with_key(sandbox, "burst")
    asked = count_requests(source.client)
    with pytest.raises(errors.BurstLimit):
        source.newest("GOOGL")
    assert len(asked) == 4


def test_a_key_that_the_service_echoes_does_not_show(sandbox):
    with pytest.raises(errors.DailyLimit) as caught:
        with_key(sandbox, "daily-limit").newest("GOOGL")
    assert "API key as ***" in str(caught.value)
    assert "daily-limit" not in str(caught.value)


def test_an_unknown_month_is_a_bad_symbol_or_month(sandbox):
    with pytest.raises(errors.BadSymbol):
        open_source(sandbox).fetch("GOOGL", "2030-01")


def test_a_service_that_is_away_is_unavailable_and_neither_text_nor_chain_nor_log_has_the_key(caplog):
    client = Intraday(KEY, f"http://127.0.0.1:{ports.free(1)[0]}/query")
    once = Retrying(stop=stop_after_attempt(2), retry=retry_if_exception_type(errors.SourceUnavailable), reraise=True)
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.SourceUnavailable, match="cannot be reached") as caught:
        AlphaVantage("alpha_vantage", client, retries=once).newest("GOOGL")
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None
    assert KEY not in caplog.text


def test_a_debug_log_of_an_answer_hides_the_key(sandbox, caplog):
    with caplog.at_level(logging.DEBUG):
        with_key(sandbox, KEY).newest("GOOGL")
    assert "apikey=***" in caplog.text
    assert KEY not in caplog.text


def test_a_page_that_is_no_answer_is_named(sandbox):
    source = with_key(sandbox, KEY, alphavantage_url=f"{sandbox.sandbox}/")
    with pytest.raises(errors.NotAnAnswer, match="no JSON object"):
        source.newest("GOOGL")


def test_requests_keep_to_the_plans_pace(sandbox):
    source = with_key(sandbox, KEY, requests_per_minute=240)
    started = time.monotonic()
    for _ in range(3):
        source.newest("GOOGL")
    assert time.monotonic() - started >= 0.5


def test_without_a_key_the_real_source_says_what_to_do(sandbox):
    with pytest.raises(errors.BadKey, match="ALPHAVANTAGE_API_KEY"):
        open_source(sandbox.model_copy(update={"source": "alpha_vantage", "alphavantage_api_key": None}))


def count_requests(client: Intraday) -> list[str]:
    """Note each request that really goes out."""
    asked: list[str] = []
    client.session.hooks["response"].append(lambda response, **_: asked.append(response.url))
    return asked
