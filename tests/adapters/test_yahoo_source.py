"""The client of Yahoo, cookies and all, over real HTTP against answers in the shape of Yahoo's."""

import contextlib
import threading

import numpy as np
import orjson
import pytest
from tenacity import stop_after_attempt, wait_none

from stock_ml import errors
from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.sources.parsing import bars_of, parse
from stock_ml.sources.retry import RETRIES
from stock_ml.sources.yahoo import Yahoo, _windows, request_count
from tests.http import answering, send
from tests.yahoo import NOTHING_YET, UNKNOWN, XNYS, chart, market, minutes_between, refused, serving

NOW = float(np.datetime64("2024-03-13T15:30:20", "s").astype(int))  # a Wednesday, 11:30 in New York


def asking(address: str, home, now: float = NOW) -> Yahoo:
    source = Yahoo.connect(load(_env_file=None, source="yahoo", yahoo_url=address, home=home))
    source.now = lambda: now
    source.retries = RETRIES.copy(wait=wait_none(), stop=stop_after_attempt(2))
    return source


def test_a_month_is_asked_for_in_windows_and_kept_byte_for_byte(tmp_path):
    sent = []

    def noted(symbol, asked):
        status, body = market(NOW)(symbol, asked)
        sent.append(body)
        return status, body

    with answering(serving(NOW, noted)) as address:
        received = asking(address, tmp_path).fetch("GOOGL", "2024-03")
    assert received.body == b"[" + b",\n".join(sent) + b"]"
    assert len(sent) == 2
    assert (received.source, received.month, received.fetched_at) == ("yahoo", "2024-03", NOW)
    bars = bars_of(received, "start", XNYS)
    traded = [ts for ts in minutes_between(0, NOW - 60).tolist() if ts // 60 % 17 and ts >= XNYS.opens[0]]
    march = [ts for ts in traded if ts >= np.datetime64("2024-03-01", "s").astype(int)]
    assert [bar.ts for bar in bars] == march


def test_of_the_month_before_it_gives_what_the_thirty_days_reach(tmp_path):
    with answering(serving(NOW)) as address:
        received = asking(address, tmp_path).fetch("GOOGL", "2024-02")
    labels = parse(received.body, received.where)["label"].dt.strftime("%Y-%m-%d")
    assert (labels.min(), labels.max()) == ("2024-02-12", "2024-02-29")


@pytest.mark.parametrize(("month", "expected"), [("2024-03", 2), ("2024-02", 3), ("2023-12", 0), ("2024-04", 0)])
def test_how_many_requests_a_month_takes_is_known_before(month, expected):
    assert request_count(month, XNYS, NOW) == expected


def test_a_month_of_futures_is_asked_for_from_the_evening_before_it():
    calendar = sessions("us_futures")
    opens = int(calendar.opens[np.searchsorted(calendar.dates, np.datetime64("2024-03-01"))])
    spans = list(_windows("2024-03", calendar, NOW))
    assert spans[0][0] < opens == int(np.datetime64("2024-02-29T23:00", "s").astype(np.int64))
    assert spans[-1][1] == int(NOW)


@pytest.mark.parametrize("month", ["2023-12", "2024-04"])
def test_a_month_out_of_reach_is_not_even_asked_for(tmp_path, month):
    source = asking("http://127.0.0.1:1", tmp_path)
    with pytest.raises(errors.NoBars, match=f"no minute bars of GOOGL in {month}: it keeps them for 30 days"):
        source.fetch("GOOGL", month)


def test_a_window_without_bars_takes_none_from_the_others(tmp_path):
    def second_only(symbol, asked):
        first = int(asked["period1"]) < NOW - 8 * 86_400
        return (400, refused(NOTHING_YET)) if first else market(NOW)(symbol, asked)

    with answering(serving(NOW, second_only)) as address:
        assert len(orjson.loads(asking(address, tmp_path).fetch("GOOGL", "2024-03").body)) == 1


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, orjson.dumps(chart([], [])), "no minute bars of GOOGL in 2024-03"),
        (400, refused(NOTHING_YET), "It said: Data doesn't exist"),
    ],
)
def test_a_month_without_any_bar_is_no_bars(tmp_path, status, body, says):
    with answering(serving(NOW, lambda *_: (status, body))) as address, pytest.raises(errors.NoBars, match=says):
        asking(address, tmp_path).fetch("GOOGL", "2024-03")


def test_the_newest_bars_begin_before_this_session_and_the_price_of_the_moment_is_none(tmp_path):
    with answering(serving(NOW)) as address:
        bars = bars_of(asking(address, tmp_path).newest("BRK-B"), "start", XNYS)
    session = int(np.searchsorted(XNYS.opens, NOW)) - 1
    assert XNYS.closes[session - 1] - 2400 < bars[0].ts < XNYS.closes[session - 1]
    [opening] = [bar for bar in bars if bar.ts == XNYS.opens[session]]
    assert opening.volume > 0
    assert NOW - 180 < bars[-1].ts + 60 <= NOW


def test_batch_and_stream_have_the_same_bars_though_each_answer_hides_a_volume(tmp_path):
    with answering(serving(NOW)) as address:
        source = asking(address, tmp_path)
        month, newest = source.fetch("GOOGL", "2024-03"), source.newest("GOOGL")
    known = bars_of(month, "start", XNYS)
    live = bars_of(newest, "start", XNYS)
    assert {bar.volume for bar in known}.isdisjoint({0.0})
    assert live == [bar for bar in known if bar.ts >= live[0].ts]
    opens = XNYS.opens[(XNYS.opens >= known[0].ts) & (XNYS.opens < NOW)]
    assert {int(ts) for ts in opens if ts // 60 % 17} <= {bar.ts for bar in known}


def test_a_symbol_arrives_whole(tmp_path):
    with answering(serving(NOW)) as address:
        assert bars_of(asking(address, tmp_path).newest("^GSPC"), "start", XNYS)


@pytest.mark.parametrize(
    ("status", "body", "expected", "says", "times"),
    [
        (404, refused(UNKNOWN), errors.BadSymbol, "Yahoo knows no such symbol. It said: No data found", 1),
        (429, b"Too Many Requests\r\n", errors.BurstLimit, "too many requests from this address", 2),
        (
            401,
            refused({"code": "Unauthorized", "description": "Invalid Crumb"}),
            errors.InvalidResponse,
            "Invalid Crumb",
            1,
        ),
        (200, b"<html>Will be right back</html>", errors.InvalidResponse, "has Yahoo changed its layout", 1),
        (200, b'{"finance": {}}', errors.InvalidResponse, "has Yahoo changed its layout", 1),
        (200, b'{"chart": {"result": null, "error": null}}', errors.InvalidResponse, "answered without bars", 1),
        (200, b"", errors.InvalidResponse, "has Yahoo changed its layout", 1),
        (503, b"oops", errors.ServerError, "HTTP 503", 2),
    ],
)
def test_each_refusal_is_its_own_error_tried_as_often_as_may_help(tmp_path, status, body, expected, says, times):
    asked = []

    def answer(*given):
        asked.append(given)
        return status, body

    with answering(serving(NOW, answer)) as address, pytest.raises(expected, match=says) as caught:
        asking(address, tmp_path).newest("GOOGL")
    assert type(caught.value) is expected
    assert len(asked) == times * (2 if status >= 400 else 1)  # yfinance asks again with another cookie


def test_a_service_that_is_away_slow_or_endless_is_named(tmp_path, monkeypatch):
    with pytest.raises(errors.SourceUnavailable, match="cannot be reached"):
        asking("http://127.0.0.1:1", tmp_path).newest("GOOGL")
    with pytest.raises(errors.NoNetwork, match=r"http://yahoo.invalid cannot be resolved"):
        asking("http://yahoo.invalid", tmp_path).newest("GOOGL")
    monkeypatch.setattr("stock_ml.sources.yahoo_client.TIMEOUT", 0.2)
    done = threading.Event()
    with answering(lambda request: done.wait(30)) as address:
        with pytest.raises(errors.TimedOut, match="did not answer within"):
            asking(address, tmp_path).newest("GOOGL")
        done.set()


def test_an_answer_of_200_mb_is_refused_while_it_streams(tmp_path):
    sent = []

    def endless(request):
        if "chart" not in request.path:
            send(request, b"a.crumb")
            return
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                sent.append(request.wfile.write(b" " * 2**20))

    with answering(endless) as address, pytest.raises(errors.TooLarge, match="more than 64 MiB"):
        asking(address, tmp_path).newest("GOOGL")
    assert len(sent) < 100
