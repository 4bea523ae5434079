"""Alpaca's live bars over a real websocket, against the service as its documentation records it, faults included."""

import logging
import struct
from collections.abc import Callable, Iterator
from threading import Event

import numpy as np
import orjson
import pytest
from websockets.sync.server import ServerConnection

from stock_ml import errors
from stock_ml.config import load
from stock_ml.sources.alpaca_stream import AlpacaStream
from stock_ml.sources.parsing import Response, bars_of
from stock_ml.sources.plugin import Opening
from stock_ml.sources.registry import plugin_of
from stock_ml.testing.service import pushing
from tests.alpaca import KEY, SECRET, Market, alpaca, error, pushed, send
from tests.yahoo import XNYS

OPEN = int(XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-13"))])
SYMBOLS = ("GOOGL", "BRK.B")
WAIT = 30.0
Talk = Callable[[ServerConnection], None]


@pytest.fixture
def market() -> Market:
    return Market(OPEN + 3600.0)


@pytest.fixture
def served(market: Market) -> Iterator[dict[str, str]]:
    with alpaca(market) as given:
        yield given


def connected(given: dict[str, str], symbols: tuple[str, ...] = SYMBOLS, now: float = OPEN + 90.0) -> AlpacaStream:
    """Connect as the producer does."""
    s = load(_env_file=None, source="alpaca", **given)
    connect = plugin_of("alpaca").connect
    assert connect
    stream = connect(Opening("alpaca", s), symbols)
    assert isinstance(stream, AlpacaStream)
    stream.now = lambda: now
    stream._bar_at = now
    return stream


def received(stream: AlpacaStream, count: int) -> list[Response]:
    found: list[Response] = []
    while len(found) < count:
        found += stream.receive(WAIT)
    return found


def closes(response: Response) -> dict[int, float]:
    return {bar.ts - OPEN: bar.close for bar in bars_of(response, "start", XNYS)}


def test_it_logs_in_subscribes_and_receives_bars(market: Market, served: dict[str, str]) -> None:
    stream = connected(served)
    assert market.received == [
        {"action": "auth", "key": KEY, "secret": SECRET},
        {"action": "subscribe", "bars": ["BRK.B", "GOOGL", "SPY"], "updatedBars": ["BRK.B", "GOOGL", "SPY"]},
    ]
    socket = market.connections.get(timeout=WAIT)
    send(socket, pushed("GOOGL", OPEN), pushed("SPY", OPEN), pushed("BRK.B", OPEN, 101.0))
    googl, brk = received(stream, 2)
    assert (googl.source, googl.symbol, googl.month, googl.fetched_at) == ("alpaca", "GOOGL", None, OPEN + 90.0)
    assert (brk.symbol, closes(brk)) == ("BRK.B", {0: 101.0})
    stream.close()


def test_nothing_in_time_is_nothing(served: dict[str, str]) -> None:
    stream = connected(served)
    assert stream.receive(0.01) == []
    stream.close()


def test_frames_are_compressed(market: Market, served: dict[str, str]) -> None:
    stream = connected(served)
    socket = market.connections.get(timeout=WAIT)
    assert [each.name for each in socket.protocol.extensions] == ["permessage-deflate"]
    send(socket, *[pushed("GOOGL", OPEN + 60 * at) for at in range(300)])
    assert len(received(stream, 300)) == 300
    stream.close()


@pytest.mark.parametrize("behind", [0.4, 240.0])
def test_a_bar_is_final_though_this_machine_s_clock_is_behind(
    market: Market, served: dict[str, str], behind: float, caplog: pytest.LogCaptureFixture
) -> None:
    stream = connected(served, now=OPEN + 60 - behind)
    send(market.connections.get(timeout=WAIT), pushed("GOOGL", OPEN, 100.2))
    assert closes(received(stream, 1)[0]) == {0: 100.2}
    told = [f"this machine's clock is {behind:.0f} s behind Alpaca's: set it"] if behind > 60 else []
    assert [each.getMessage() for each in caplog.records if each.name.startswith("stock_ml")] == told
    stream.close()


def test_a_silent_connection_is_ended_in_words(market: Market, served: dict[str, str]) -> None:
    stream = connected(served, now=OPEN + 60.0)
    stream.now = lambda: OPEN + 360.0
    with pytest.raises(errors.TimedOut, match=r"open and silent: no bar of any symbol, nor of SPY, for 5 min"):
        stream.receive(0.01)
    with pytest.raises(errors.SourceUnavailable):
        stream.receive(0.01)


def test_pings_are_no_sign_of_life(market: Market, served: dict[str, str]) -> None:
    stream = connected(served, now=OPEN + 60.0)
    socket = market.connections.get(timeout=WAIT)
    assert socket.ping().wait(WAIT)
    stream.now = lambda: OPEN + 360.0
    with pytest.raises(errors.TimedOut, match="open and silent"):
        stream.receive(0.01)


def test_a_bar_of_the_reference_is_a_sign_of_life(market: Market, served: dict[str, str]) -> None:
    stream = connected(served, now=OPEN + 60.0)
    stream.now = lambda: OPEN + 350.0
    send(market.connections.get(timeout=WAIT), pushed("SPY", OPEN + 240))
    assert stream.receive(WAIT) == []
    stream.now = lambda: OPEN + 640.0
    assert stream.receive(0.01) == []
    stream.close()


def refusing(code: int, message: str) -> Talk:
    return lambda socket: send(socket, error(code, message))


@pytest.mark.parametrize(
    ("code", "message", "expected", "says"),
    [
        (400, "invalid syntax", errors.BadSymbol, "does not know this form of a symbol"),
        (401, "not authenticated", errors.BadKey, "see STOCKML_ALPACA_KEY and STOCKML_ALPACA_SECRET"),
        (402, "auth failed", errors.BadKey, r"It said: auth failed \(402\)"),
        (404, "auth timeout", errors.SourceUnavailable, "too slow"),
        (
            405,
            "symbol limit exceeded",
            errors.PremiumEndpoint,
            "does not allow 3 symbols at once; a free one allows 30",
        ),
        (406, "connection limit exceeded", errors.BurstLimit, "another program uses the one connection"),
        (407, "slow client", errors.SourceUnavailable, "too slow"),
        (409, "insufficient subscription", errors.PremiumEndpoint, "the key's plan does not include ws://.*/v2/iex"),
        (410, "invalid subscribe action", errors.InvalidResponse, "invalid subscribe action"),
        (500, "internal error", errors.ServerError, "may go through later"),
    ],
)
def test_each_refusal_is_its_own_error(
    market: Market, served: dict[str, str], code: int, message: str, expected: type, says: str
) -> None:
    market.script = refusing(code, message)
    with pytest.raises(expected, match=says) as caught:
        connected(served)
    assert type(caught.value) is expected


def test_the_service_s_own_refusals_are_met(market: Market, served: dict[str, str]) -> None:
    with pytest.raises(errors.BadKey, match="auth failed") as caught:
        connected(served | {"alpaca_secret": "WRONGWRONGWRONGWRONG"})
    assert "WRONG" not in str(caught.value)
    market.limit = 2
    with pytest.raises(errors.PremiumEndpoint, match="3 symbols at once"):
        connected(served)
    market.in_use.set()
    with pytest.raises(errors.BurstLimit, match="end it, or use a key of another account"):
        connected(served)


def test_an_error_that_comes_later_ends_the_connection(market: Market, served: dict[str, str]) -> None:
    stream = connected(served)
    send(market.connections.get(timeout=WAIT), error(407, "slow client"))
    with pytest.raises(errors.SourceUnavailable, match="slow client"):
        stream.receive(WAIT)
    with pytest.raises(errors.SourceUnavailable, match="ended the connection, or it broke off"):
        stream.receive(WAIT)


def begin_frame(socket: ServerConnection) -> None:
    socket.socket.sendall(struct.pack("!BBH", 0x81, 126, 5000) + b'[{"T":"b"')


def half_a_frame(socket: ServerConnection) -> None:
    begin_frame(socket)
    socket.socket.shutdown(2)


def test_a_frame_that_never_ends_is_silence(market: Market, served: dict[str, str]) -> None:
    stream = connected(served, now=OPEN + 60.0)
    begin_frame(market.connections.get(timeout=WAIT))
    assert stream.receive(0.05) == []
    stream.now = lambda: OPEN + 360.0
    with pytest.raises(errors.TimedOut, match="open and silent"):
        stream.receive(0.05)


def text(words: str) -> Talk:
    return lambda socket: socket.send(words)


@pytest.mark.parametrize(
    ("talk", "expected", "says"),
    [
        (text("hello"), errors.InvalidResponse, "5 bytes that are no JSON array of messages"),
        (text('{"T": "b"}'), errors.InvalidResponse, "no JSON array"),
        (text("[1]"), errors.InvalidResponse, "no JSON array"),
        (text('[{"T":"b","S":"GOOGL"'), errors.InvalidResponse, "no JSON array"),
        (text(" " * (2**20 + 1)), errors.SourceUnavailable, "broke off.*1009"),
        (lambda socket: socket.send(b"\x91\x83\xa1T\xa1b"), errors.InvalidResponse, "no JSON array"),
        (lambda socket: socket.socket.sendall(b"HTTP/1.1 500\r\n" * 20), errors.SourceUnavailable, "broke off"),
        (
            lambda socket: socket.socket.sendall(bytes([0x81, 2, 0xFF, 0xFE])),
            errors.InvalidResponse,
            "2 bytes that are no JSON",
        ),
        (half_a_frame, errors.SourceUnavailable, "broke off"),
        (lambda socket: socket.close(1012, "restart"), errors.SourceUnavailable, "1012.*restart"),
        (lambda socket: socket.socket.shutdown(2), errors.SourceUnavailable, "broke off"),
    ],
    ids=str.split("words object number cut large binary no_frame no_utf8 half_a_frame closed gone"),
)
def test_garbage_ends_the_connection_with_one_error(
    market: Market, served: dict[str, str], talk: Talk, expected: type, says: str
) -> None:
    stream = connected(served)
    talk(market.connections.get(timeout=WAIT))
    with pytest.raises(expected, match=says) as caught:
        stream.receive(WAIT)
    assert type(caught.value) is expected
    with pytest.raises(errors.SourceUnavailable):
        stream.receive(0.01)


@pytest.mark.parametrize(
    "bar",
    [{"S": "GOOGL"}, {"S": "GOOGL", "t": "today"}, {"S": "GOOGL", "t": "2024-03-13T13:31:00Z", "c": "1"}],
    ids=["empty", "no_time", "text"],
)
def test_a_bar_that_is_none_is_refused_by_itself_and_the_next_ones_are_had(
    market: Market, served: dict[str, str], bar: dict
) -> None:
    stream = connected(served)
    socket = market.connections.get(timeout=WAIT)
    send(socket, {"T": "b", **bar})
    send(socket, pushed("GOOGL", OPEN, 100.3))
    bad, good = received(stream, 2)
    with pytest.raises(errors.BadFile):
        bars_of(bad, "start", XNYS)
    assert closes(good) == {0: 100.3}
    stream.close()


def test_messages_of_other_kinds_and_symbols_are_passed_over(market: Market, served: dict[str, str]) -> None:
    stream = connected(served)
    socket = market.connections.get(timeout=WAIT)
    send(socket, {"T": "t", "S": "GOOGL"}, {"T": "b", "S": 7}, {"T": "b"}, {}, pushed("TSLA", OPEN))
    send(socket, pushed("GOOGL", OPEN))
    assert [each.symbol for each in received(stream, 1)] == ["GOOGL"]
    stream.close()


def test_another_service_at_the_address_is_named_and_told_no_more_than_it_must() -> None:
    said = Event()

    def echo(socket: ServerConnection) -> None:
        socket.send(orjson.dumps([{"T": "success", "msg": "connected"}]).decode())
        socket.send(socket.recv(WAIT))
        said.set()

    with pushing(echo) as address:
        given = {"alpaca_stream_url": address}
        with pytest.raises(errors.InvalidResponse, match="is it Alpaca's address") as caught:
            connected(given | {"alpaca_key": KEY, "alpaca_secret": SECRET})
    assert SECRET not in str(caught.value)
    assert said.is_set()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, errors.BadKey), (403, errors.BadKey), (429, errors.BurstLimit), (404, errors.ServerError)],
)
def test_an_upgrade_that_is_refused_is_named(
    market: Market, served: dict[str, str], status: int, expected: type
) -> None:
    market.status = status
    with pytest.raises(expected, match=f"HTTP {status}"):
        connected(served)


@pytest.mark.parametrize(
    ("address", "expected", "says"),
    [
        ("ws://127.0.0.1:1", errors.SourceUnavailable, "cannot be reached"),
        ("ws://alpaca.invalid", errors.NoNetwork, "cannot be resolved"),
        ("https://stream.data.alpaca.markets", errors.SourceUnavailable, "is no websocket"),
    ],
)
def test_an_address_that_does_not_answer_is_named(address: str, expected: type, says: str) -> None:
    with pytest.raises(expected, match=says):
        connected({"alpaca_stream_url": address, "alpaca_key": KEY, "alpaca_secret": SECRET})


def test_a_server_that_accepts_and_says_nothing_is_given_up(
    market: Market, served: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_ml.sources.alpaca_stream.TIMEOUT", 2.0)
    market.script = lambda socket: None
    with pytest.raises(errors.TimedOut, match="did not answer within 2 s"):
        connected(served)


def test_no_log_shows_the_secret(served: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connected(served).close()
    ours = [each.getMessage() for each in caplog.records if each.name != "websockets.server"]
    assert not [told for told in ours if SECRET in told or KEY in told]


def test_a_connection_that_another_thread_ends_is_ended(market: Market, served: dict[str, str]) -> None:
    stream = connected(served)
    stream.close()
    stream.close()
    with pytest.raises(errors.SourceUnavailable, match="ended the connection"):
        stream.receive(WAIT)
