"""The source alpaca over real HTTP, against the service as its documentation records it."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from tenacity import stop_after_attempt, wait_none

from stock_ml import errors
from stock_ml.config import load
from stock_ml.doctor import source_access
from stock_ml.sources.alpaca import DELAY, Alpaca, request_count
from stock_ml.sources.alpaca_client import Bars
from stock_ml.sources.parsing import bars_of, live_rows, parse
from stock_ml.sources.retry import RETRIES
from tests.alpaca import KEY, RECENT, SECRET, Market, alpaca, refused
from tests.http import answering, send
from tests.yahoo import XNYS, minutes_between


def at(text: str) -> float:
    return float(np.datetime64(text, "s").astype(int))


NOW = at("2024-03-13T15:30:20")  # a Wednesday, 11:30 in New York


def source_at(given: dict[str, str], now: float = NOW) -> Alpaca:
    source = Alpaca.connect(load(_env_file=None, source="alpaca", **given))
    assert isinstance(source.pages, Bars)
    source.now, source.pages.now = lambda: now, lambda: now
    source.retries = RETRIES.copy(wait=wait_none(), stop=stop_after_attempt(2))
    return source


@pytest.fixture
def market() -> Market:
    return Market(NOW)


@pytest.fixture
def served(market: Market) -> Iterator[dict[str, str]]:
    with alpaca(market) as given:
        yield given


def test_a_month_is_of_the_tape_until_16_minutes_ago_and_kept_byte_for_byte(market: Market, served: dict[str, str]):
    market.page = 1000
    received = source_at(served).fetch("GOOGL", "2024-03")
    pages = orjson.loads(received.body)
    assert len(pages) == len(market.asked) == 4
    assert [page["next_page_token"] for page in pages] == ["1000", "2000", "3000", None]
    assert received.body == b"[" + b",\n".join(orjson.dumps(page) for page in pages) + b"]"
    assert received.request["feed"] == "sip"
    assert (received.request["adjustment"], received.request["asof"]) == ("raw", "2024-03-13")
    assert received.fetched_at == NOW - 900  # the tape's own time
    bars = bars_of(received, "start", XNYS)
    opens = XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-01"))]
    expected = [ts for ts in minutes_between(float(opens), NOW - DELAY + 1).tolist() if ts // 60 % 17]
    assert [each.ts for each in bars] == expected
    assert KEY not in repr(received)
    assert SECRET not in repr(received)


def test_a_month_that_is_over_has_the_price_of_each_auction(served: dict[str, str]):
    found = live_rows(source_at(served).fetch("GOOGL", "2024-02"), "start", XNYS)
    closes = XNYS.closes[(XNYS.dates >= np.datetime64("2024-02-01")) & (XNYS.dates < np.datetime64("2024-03-01"))]
    assert [close.ts for close in found.official_closes] == closes.tolist()
    assert len(found.bars) > 7000


def test_the_settled_bars_of_a_session_are_there_16_minutes_after_its_close(served: dict[str, str], market: Market):
    close = at("2024-03-13T20:00:00")
    market.now = close + DELAY
    found = live_rows(source_at(served, market.now).fetch("GOOGL", "2024-03"), "start", XNYS)
    assert (found.bars[-1].ts, found.official_closes[-1].ts) == (close - 60, close)


def test_the_newest_bars_are_of_iex_and_of_this_session(market: Market, served: dict[str, str]):
    source = source_at(served)
    newest = bars_of(source.newest("GOOGL"), "start", XNYS)
    settled = {
        each.ts: each for each in bars_of(source_at(served, NOW + 3600).fetch("GOOGL", "2024-03"), "start", XNYS)
    }
    assert {XNYS.number(np.array([each.ts]))[0] for each in newest} == {np.searchsorted(XNYS.opens, NOW) - 1}
    assert NOW - 120 < newest[-1].ts + 60 <= NOW
    assert market.asked[0]["feed"] == "iex"
    assert all(settled[each.ts].volume > 20 * each.volume for each in newest if each.ts in settled)


def test_before_the_open_the_newest_bars_are_of_the_last_session(market: Market, served: dict[str, str]):
    market.now = at("2024-03-11T12:00:00")  # a Monday, hours before the open
    newest = bars_of(source_at(served, market.now).newest("GOOGL"), "start", XNYS)
    assert newest[-1].ts == at("2024-03-08T20:59:00")


def test_a_renamed_symbol_keeps_its_company(market: Market, served: dict[str, str]):
    market.now = at("2022-06-21T20:00:00")
    source = source_at(served, market.now)
    of_before = bars_of(source.fetch("META", "2022-05"), "start", XNYS)
    of_after = bars_of(source.newest("META"), "start", XNYS)
    assert {each["asof"] for each in market.asked} == {"2022-06-21"}
    assert of_before[0].close > 100 < of_after[0].close  # another company had the name in May, at 15 dollars


@pytest.mark.parametrize("symbol", ["TSLAA", "FB"])
def test_a_symbol_without_a_trade_for_days_is_unknown(market: Market, served: dict[str, str], symbol: str):
    with pytest.raises(errors.BadSymbol, match=rf"no trade of {symbol} in 5 sessions.*renamed or delisted"):
        source_at(served).newest(symbol)
    assert (market.asked[-1]["timeframe"], market.asked[-1]["feed"]) == ("1Day", "sip")


def test_of_a_key_without_the_tape_it_is_not_known_whether_a_symbol_is_traded(market: Market, served: dict[str, str]):
    market.history = False
    with pytest.raises(errors.NoBars, match="in the newest session yet"):
        source_at(served).newest("TSLAA")


def test_a_symbol_that_iex_has_not_traded_yet_is_no_unknown_one(market: Market, served: dict[str, str]):
    market.now = at("2024-03-13T13:30:30")
    with pytest.raises(errors.NoBars, match="IEX has no trade of GOOGL in the newest session yet") as caught:
        source_at(served, market.now).newest("GOOGL")
    assert type(caught.value) is errors.NoBars


@pytest.mark.parametrize(("symbol", "month"), [("TSLAA", "2024-02"), ("GOOGL", "2024-04"), ("GOOGL", "2031-02")])
def test_a_month_without_bars_is_none(market: Market, served: dict[str, str], symbol: str, month: str):
    with pytest.raises(errors.NoBars, match=f"no minute bars of {symbol} in {month}"):
        source_at(served).fetch(symbol, month)
    assert len(market.asked) == (symbol == "TSLAA")


def test_a_key_without_the_tape_gets_iex_and_that_is_told(
    market: Market, served: dict[str, str], caplog: pytest.LogCaptureFixture
):
    market.history = False
    received = source_at(served).fetch("GOOGL", "2024-02")
    assert received.request["feed"] == "iex"
    assert len(bars_of(received, "start", XNYS)) > 7000
    [told] = [record.getMessage() for record in caplog.records]
    assert RECENT in told
    assert "IEX's bars are taken instead, about 3 % of the volume" in told


@pytest.mark.parametrize(("off", "side"), [(300.0, "300 s ahead of"), (-300.0, "300 s behind")])
def test_a_clock_that_is_minutes_off_is_told_and_the_tape_is_had_all_the_same(
    served: dict[str, str], caplog: pytest.LogCaptureFixture, off: float, side: str
):
    received = source_at(served, NOW + off).fetch("GOOGL", "2024-03")
    assert received.request["feed"] == "sip"
    last = bars_of(received, "start", XNYS)[-1].ts
    assert NOW - DELAY - (120 if off > 0 else 420) < last <= NOW - DELAY
    assert [f"this machine's clock is {side} Alpaca's: set it"] == [each.getMessage() for each in caplog.records]


@pytest.mark.parametrize(("month", "requests"), [("2024-02", 2), ("2024-03", 1), ("2024-04", 0)])
def test_how_many_requests_a_month_takes_at_most_is_known_before(month: str, requests: int):
    assert request_count(month, XNYS, NOW) == requests


@pytest.mark.parametrize(
    ("status", "body", "expected", "says", "times"),
    [
        (401, refused("unauthorized"), errors.BadKey, "see STOCKML_ALPACA_KEY and STOCKML_ALPACA_SECRET", 1),
        (403, refused("forbidden."), errors.BadKey, "It said: forbidden", 1),
        (403, refused("subscription does not permit querying OTC data"), errors.PremiumEndpoint, "OTC data", 1),
        (429, refused("too many requests."), errors.BurstLimit, "more requests in a minute than the key's plan", 2),
        (400, refused("invalid symbol: GOO^"), errors.BadSymbol, "invalid symbol: GOO", 1),
        (400, refused("invalid feed"), errors.InvalidResponse, "invalid feed", 1),
        (404, b"page not found", errors.InvalidResponse, "see STOCKML_ALPACA_URL.*page not found", 1),
        (302, b"", errors.InvalidResponse, "see STOCKML_ALPACA_URL", 1),
        (500, refused("internal server error"), errors.ServerError, "may go through later", 2),
        (504, b"<html>gateway</html>", errors.ServerError, "HTTP 504", 2),
        (200, b"<html>Will be right back</html>", errors.InvalidResponse, "gave no page of bars", 1),
        (200, b"", errors.InvalidResponse, "gave no page of bars", 1),
        (200, b'{"bars": [1]}', errors.InvalidResponse, "gave no page of bars", 1),
        (200, b'{"bars": {"GOOGL": [{"t": "2024', errors.InvalidResponse, "gave no page of bars", 1),
    ],
)
def test_each_refusal_is_its_own_error_tried_as_often_as_may_help(
    market: Market, served: dict[str, str], status: int, body: bytes, expected: type, says: str, times: int
):
    market.refusals = [(status, body)] * 4
    with pytest.raises(expected, match=says) as caught:
        source_at(served).newest("GOOGL")
    assert type(caught.value) is expected
    assert len(market.asked) == times


def test_a_quota_that_is_used_up_for_this_minute_is_waited_for(market: Market, served: dict[str, str]):
    market.refusals = [(429, refused("too many requests."))]
    assert source_at(served).newest("GOOGL").body
    assert len(market.asked) == 2


@pytest.mark.parametrize("wrong", ["alpaca_key", "alpaca_secret"])
def test_a_wrong_key_is_told_without_it(served: dict[str, str], wrong: str):
    with pytest.raises(errors.BadKey) as caught:
        source_at(served | {wrong: "WRONGWRONGWRONGWRONG"}).newest("GOOGL")
    assert "WRONG" not in str(caught.value)


@pytest.mark.parametrize("lacks", ["alpaca_key", "alpaca_secret"])
def test_a_source_without_key_or_secret_says_what_it_needs(lacks: str):
    given = {"alpaca_key": "a", "alpaca_secret": "b"} | {lacks: None}
    with pytest.raises(errors.BadKey, match="needs STOCKML_ALPACA_KEY and STOCKML_ALPACA_SECRET"):
        source_at(given)


@pytest.mark.parametrize("key", ["WRONG KEY", "WRONGé", "WRONG\nX-Other: 1"])
def test_a_key_that_no_header_can_hold_is_told_without_it(key: str):
    with pytest.raises(errors.BadKey, match="holds a character that none of Alpaca's has") as caught:
        source_at({"alpaca_key": KEY, "alpaca_secret": key})
    assert "WRONG" not in str(caught.value)


def test_blanks_around_a_key_are_no_part_of_it(served: dict[str, str]):
    assert source_at(served | {"alpaca_key": f" {KEY}\n"}).newest("GOOGL").body


def test_no_error_and_no_log_shows_the_secret(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with answering(lambda request: send(request, str(request.headers).encode(), 400)) as address:
        given = {"alpaca_url": address, "alpaca_key": KEY, "alpaca_secret": SECRET}
        with pytest.raises(errors.InvalidResponse) as caught:
            source_at(given).newest("GOOGL")
    for told in (str(caught.value), caplog.text):
        assert SECRET not in told
        assert KEY not in told


def test_a_redirect_does_not_take_the_secret_elsewhere(market: Market, served: dict[str, str]):
    def redirect(request) -> None:
        request.send_response(307)
        request.send_header("Location", f"{served['alpaca_url']}{request.path}")
        request.end_headers()

    with answering(redirect) as address, pytest.raises(errors.InvalidResponse, match="HTTP 307"):
        source_at(served | {"alpaca_url": address}).newest("GOOGL")
    assert not market.asked


def test_a_service_that_is_away_or_slow_is_named(monkeypatch: pytest.MonkeyPatch):
    def given(address: str) -> dict[str, str]:
        return {"alpaca_url": address, "alpaca_key": KEY, "alpaca_secret": SECRET}

    with pytest.raises(errors.SourceUnavailable, match="cannot be reached"):
        source_at(given("http://127.0.0.1:1")).newest("GOOGL")
    with pytest.raises(errors.NoNetwork, match=r"http://alpaca.invalid cannot be resolved"):
        source_at(given("http://alpaca.invalid")).newest("GOOGL")
    monkeypatch.setattr("stock_ml.sources.alpaca_client.TIMEOUT", 0.2)
    done = threading.Event()
    with answering(lambda request: done.wait(30)) as address:
        with pytest.raises(errors.TimedOut, match="did not answer within"):
            source_at(given(address)).newest("GOOGL")
        done.set()


def test_pages_without_an_end_are_given_up():
    body = orjson.dumps({"bars": {}, "next_page_token": "more"})
    with answering(lambda request: send(request, body)) as address:
        given = {"alpaca_url": address, "alpaca_key": KEY, "alpaca_secret": SECRET}
        with pytest.raises(errors.InvalidResponse, match="more than 40 pages"):
            source_at(given).newest("GOOGL")


def asking(given: dict[str, str], home: Path, symbols: str) -> str:
    return source_access.ask(load(_env_file=None, source="alpaca", home=home, symbols=symbols, **given), try_push=True)


def test_asked_first_the_service_says_that_it_gives_bars_and_pushes(served: dict[str, str], market: Market, tmp_path):
    market.now = time.time()
    assert asking(served, tmp_path, "GOOGL,SPY").startswith("source alpaca answers; GOOGL: ")
    assert market.received[-1]["action"] == "subscribe"


@pytest.mark.parametrize(
    ("change", "symbols", "expected", "says"),
    [
        ({"limit": 1}, "GOOGL,SPY", errors.PremiumEndpoint, "does not allow 2 symbols at once; a free one allows 30"),
        ({}, "GOOGL,TSLAA", errors.BadSymbol, "nothing of TSLAA: see SYMBOLS="),
        ({}, "GOOGL,ES=F", errors.BadSymbol, "nothing of ES=F: see SYMBOLS="),
    ],
)
def test_asked_first_the_service_says_what_it_will_not_give(
    served: dict[str, str], market: Market, tmp_path, change: dict, symbols: str, expected: type, says: str
):
    market.now = time.time()
    vars(market).update(change)
    with pytest.raises(expected, match=says):
        asking(served, tmp_path, symbols)


def test_asked_first_a_connection_that_another_program_has_is_named(served: dict[str, str], market: Market, tmp_path):
    market.now = time.time()
    market.in_use.set()
    with pytest.raises(errors.BurstLimit, match="another program uses the one connection"):
        asking(served, tmp_path, "GOOGL")


def test_what_is_received_can_be_read_as_a_file_too(served: dict[str, str]):
    received = source_at(served).fetch("GOOGL", "2024-02")
    assert len(parse(received.body, received.where)) > 7000
