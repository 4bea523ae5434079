"""The client of Alpha Vantage over real HTTP, against the sandbox exchange and against nobody."""

import contextlib
import logging
import threading
import time
import traceback
from urllib.parse import parse_qs, quote

import orjson
import pytest
import requests
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_none

from local import ports
from sandbox.faults.faults import KINDS
from stock_ml import errors
from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions
from stock_ml.sources import http_body
from stock_ml.sources.alpha_vantage import AlphaVantage
from stock_ml.sources.alpha_vantage_client import Intraday
from stock_ml.sources.parsing import bars_of, detect_convention, parse
from stock_ml.sources.registry import open_source
from stock_ml.sources.retry import RETRIES
from tests.adapters.conftest import move_clock
from tests.http import answering, send

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
    sent = requests.get(f"{sandbox.sandbox}/query", params={**received.request, "apikey": "other"}, timeout=30)
    assert received.body == sent.content
    assert received.request["extended_hours"] == "true"
    assert KEY not in repr(received.request)
    assert detect_convention(parse(received.body, received.where), sessions("XNYS")) == "start"


def test_the_newest_bars_are_of_regular_hours_and_finished_at_the_sandboxs_own_time(sandbox):
    now = requests.get(f"{sandbox.sandbox}/clock", timeout=30).json()["market"]
    received = open_source(sandbox).newest("AAPL")
    bars = bars_of(received, "start", sessions("XNYS"))
    assert received.fetched_at == now
    assert now - 300 < bars[-1].ts + 60 <= now
    assert (sessions("XNYS").number([bar.ts for bar in bars]) >= 0).all()


def test_each_bar_is_published_once_finished_and_stays_as_it_was(sandbox):
    source = open_source(sandbox)
    seen: dict[int, object] = {}
    for _ in range(5):
        move_clock(sandbox, 90)
        for bar in bars_of(source.newest("MSFT"), "start", sessions("XNYS")):
            assert seen.setdefault(bar.ts, bar) == bar


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bad", errors.BadKey),
        ("premium", errors.PremiumEndpoint),
        ("daily-limit", errors.DailyLimit),
        ("empty", errors.EmptyResponse),
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


@pytest.mark.parametrize("key", ["bad", "premium", "daily-limit", "burst"])
def test_an_error_inside_a_csv_answer_is_seen(sandbox, key):
    errors_of = {"bad": errors.BadKey, "premium": errors.PremiumEndpoint, "burst": errors.BurstLimit}
    with pytest.raises(errors_of.get(key, errors.DailyLimit)):
        with_key(sandbox, key, alphavantage_datatype="csv").newest("GOOGL")


def test_csv_and_json_answers_hold_the_same_bars(sandbox):
    both = [with_key(sandbox, KEY, alphavantage_datatype=kind).fetch("GOOGL", "2024-02") for kind in ("csv", "json")]
    assert [received.body[:1] for received in both] == [b"t", b"{"]
    assert [received.request["datatype"] for received in both] == ["csv", "json"]
    csv, json = (bars_of(received, "start", sessions("XNYS")) for received in both)
    assert csv == json != []


def test_settings_go_with_each_request_as_words(sandbox):
    chosen = {"alphavantage_extended_hours": False, "alphavantage_adjusted": True}
    source = with_key(sandbox, KEY, **chosen, alphavantage_entitlement="delayed", alphavantage_outputsize="compact")
    asked = count_requests(source.client)
    month, newest = source.fetch("GOOGL", "2024-02"), source.newest("GOOGL")
    own = {"extended_hours": "false", "adjusted": "true", "entitlement": "delayed", "outputsize": "compact"}
    for url, received in zip(asked, (month, newest), strict=True):
        assert own.items() <= received.request.items()
        assert all(f"{name}={value}" in url for name, value in own.items())
    assert len(parse(month.body, month.where)) == 100


def test_by_default_bars_are_asked_for_as_traded_and_without_an_entitlement(sandbox):
    request = with_key(sandbox, KEY).newest("GOOGL").request
    assert request["adjusted"] == "false"
    assert "entitlement" not in request


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
    with pytest.raises(errors.InvalidResponse, match="an HTML page: is it the right address"):
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


TROUBLES = {
    "bad-key": (errors.BadKey, 1),
    "premium": (errors.PremiumEndpoint, 1),
    "burst": (errors.BurstLimit, 2),
    "daily-limit": (errors.DailyLimit, 1),
    "bad-symbol": (errors.BadSymbol, 1),
    "empty": (errors.EmptyResponse, 1),
    "garbage": (errors.InvalidResponse, 1),
    "truncated": (errors.InvalidResponse, 1),
    "slow": (errors.TimedOut, 2),
    "dropped": (errors.SourceUnavailable, 2),
    "http-429": (errors.ServerError, 2),
    "http-500": (errors.ServerError, 2),
    "huge": (errors.TooLarge, 1),
}


def set_fault(sandbox: Settings, **given: object) -> None:
    requests.post(f"{sandbox.sandbox}/faults", json=given, timeout=30).raise_for_status()


def test_each_fault_that_the_sandbox_can_make_is_tried_here():
    assert TROUBLES.keys() == set(KINDS)


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("datatype", ["json", "csv"])
def test_each_fault_of_the_exchange_is_its_own_error_tried_as_often_as_may_help(
    sandbox, monkeypatch, caplog, kind, datatype
):
    expected, times = TROUBLES[kind]
    monkeypatch.setattr("stock_ml.sources.alpha_vantage_client.TIMEOUT", 0.5 if kind == "slow" else 10)
    set_fault(sandbox, kind=kind, key=KEY, seconds=1.5)
    source = asking(sandbox.sandbox, datatype=datatype)
    sent: list[None] = []
    source.limiter = lambda: sent.append(None)
    with caplog.at_level(logging.DEBUG), pytest.raises(expected) as caught:
        source.fetch("GOOGL", "2024-02")
    set_fault(sandbox, kind=None, key=KEY)
    assert (type(caught.value), len(sent)) == (expected, times)
    assert KEY not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_fault_that_passes_is_got_over(sandbox):
    set_fault(sandbox, kind="dropped", key=KEY, times=1)
    assert asking(sandbox.sandbox).newest("GOOGL").body


def test_a_plans_requests_of_a_day_are_spent_at_the_exchange(sandbox):
    plan = {"key": "a plan of two", "a_day": 2}
    requests.post(f"{sandbox.sandbox}/plans", json=plan, timeout=30).raise_for_status()
    source = asking(sandbox.sandbox, "a plan of two")
    assert [source.newest(symbol).symbol for symbol in ("GOOGL", "AAPL")] == ["GOOGL", "AAPL"]
    with pytest.raises(errors.DailyLimit):
        source.newest("MSFT")


def asking(address: str, key: str = KEY, datatype: str = "json") -> AlphaVantage:
    """Return a source that asks twice, at once."""
    twice = RETRIES.copy(wait=wait_none(), stop=stop_after_attempt(2))
    return AlphaVantage("alpha_vantage", Intraday(key, f"{address}/query", datatype), retries=twice)


@pytest.mark.parametrize(
    ("status", "body", "expected", "says"),
    [
        (200, b"", errors.EmptyResponse, "answered with nothing"),
        (200, b"<!doctype html><html>Sorry, SECRETKEY0123456</html>", errors.InvalidResponse, "an HTML page"),
        (200, b'{"Meta Data": {', errors.InvalidResponse, "neither with JSON nor with CSV"),
        (200, b"[1, 2]", errors.InvalidResponse, "neither with JSON nor with CSV"),
        (200, b'{"Meta Data": {}, "Time Series (1min)": {}}', errors.NoBars, "no bars of that symbol and month"),
        (200, b"timestamp,open,high,low,close,volume\r\n", errors.NoBars, "no bars of that symbol and month"),
        (200, b"Error Message\r\nInvalid", errors.InvalidResponse, "neither with JSON nor with CSV"),
        (
            200,
            b'{"Information": "SECRETKEY0123456 is odd"}',
            errors.InvalidResponse,
            "answered without bars: \\*\\*\\* is odd",
        ),
        (403, b"Forbidden for SECRETKEY0123456", errors.InvalidResponse, r"\(HTTP 403\).*Forbidden for \*\*\*"),
        (500, b"oops", errors.ServerError, "answered HTTP 500"),
        (429, b"slow down", errors.ServerError, "answered HTTP 429"),
    ],
)
@pytest.mark.parametrize("datatype", ["json", "csv"])
def test_each_odd_answer_is_its_own_error_and_shows_no_key(status, body, expected, says, datatype):
    with answering(lambda request: send(request, body, status)) as address:
        source = asking(address, datatype=datatype)
        asked = count_requests(source.client)
        with pytest.raises(expected, match=says) as caught:
            source.newest("GOOGL")
    assert type(caught.value) is expected
    assert len(asked) == (2 if isinstance(caught.value, errors.SourceUnavailable) else 1)
    assert KEY not in str(caught.value)


def test_a_slow_service_times_out_and_no_chain_holds_the_key(monkeypatch):
    monkeypatch.setattr("stock_ml.sources.alpha_vantage_client.TIMEOUT", 0.2)
    done = threading.Event()
    with answering(lambda request: done.wait(30)) as address:
        with pytest.raises(errors.TimedOut, match="did not answer within") as caught:
            asking(address).newest("GOOGL")
        done.set()
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_connection_that_breaks_off_is_unavailable():
    def broken_off(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"Meta')

    with answering(broken_off) as address, pytest.raises(errors.SourceUnavailable, match="broke off") as caught:
        asking(address).newest("GOOGL")
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_an_answer_of_200_mb_is_refused_while_it_streams():
    sent = []

    def endless(request):
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                sent.append(request.wfile.write(b" " * 2**20))

    with answering(endless) as address, pytest.raises(errors.TooLarge, match="more than 64 MiB"):
        asking(address).newest("GOOGL")
    assert len(sent) < 100
    assert http_body.MAX_BYTES == 64 * 2**20


def test_a_key_of_odd_letters_arrives_whole_and_shows_nowhere(caplog):
    odd, seen = "se/cret &k+y=1", []

    def echo(request):
        seen.append(parse_qs(request.path.partition("?")[2])["apikey"])
        said = f"We have detected your API key as {odd} ({quote(odd)}) and our limit is 25 requests per day"
        send(request, orjson.dumps({"Information": said}))

    with answering(echo) as address, caplog.at_level(logging.DEBUG), pytest.raises(errors.DailyLimit) as caught:
        asking(address, f" {odd}\n").newest("GOOGL")
    assert seen == [[odd]]
    for hidden in (odd, quote(odd, safe="")):
        assert hidden not in str(caught.value) + caplog.text


def test_after_a_burst_it_waits_longer_than_for_a_lost_connection():
    waits = []
    naps = RETRIES.copy(sleep=waits.append)
    with answering(lambda request: send(request, b'{"Note": "our limit is 5 calls per minute"}')) as address:
        source = AlphaVantage("alpha_vantage", Intraday(KEY, f"{address}/query"), retries=naps)
        with pytest.raises(errors.BurstLimit):
            source.newest("GOOGL")
    assert waits == [2, 20, 40]


def count_requests(client: Intraday) -> list[str]:
    """Note each request that really goes out."""
    asked: list[str] = []
    client.session.hooks["response"].append(lambda response, **_: asked.append(response.url))
    return asked
