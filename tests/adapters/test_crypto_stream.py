"""Live candles over a real websocket, in the formats of Kraken and Binance, faults of the connection included."""

import socket
import time
from collections.abc import Callable
from threading import Event

import pytest
from websockets.http11 import Request
from websockets.http11 import Response as HttpResponse
from websockets.sync.server import ServerConnection

from stock_ml import errors
from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.sources.built_in import CRYPTO
from stock_ml.sources.crypto_stream import CandleStream
from stock_ml.sources.parsing import Response, bars_of
from stock_ml.sources.plugin import Opening
from stock_ml.testing.service import pushing
from tests.crypto import HEARTBEAT, accepted, kline, ohlc

ALWAYS = sessions("24/7")
MINUTE = int(time.time()) // 60 * 60 - 300  # over for long
VALUES = [60_000.0, 60_010.5, 59_990.0, 60_001.25, 0.12345678]
LATER = [60_001.0, 60_020.0, 60_000.0, 60_003.0, 1.5]
SYMBOLS = ("BTC/USD", "ETH/USD")
Talk = Callable[[ServerConnection], None]


def connected(exchange: str, address: str, symbols: tuple[str, ...] = SYMBOLS) -> CandleStream:
    given = {"crypto_exchange": exchange, "crypto_stream_url": address, "symbols": ",".join(symbols)}
    s = load(_env_file=None, source="crypto", **given)
    assert CRYPTO.connect is not None
    found = CRYPTO.connect(Opening("crypto", s), symbols)
    assert isinstance(found, CandleStream)
    return found


def sending(exchange: str, *messages: bytes) -> Talk:
    """Return a server that accepts, sends messages, and waits until the client goes."""

    def talk(connection: ServerConnection) -> None:
        accepted(exchange, connection)
        for message in messages:
            connection.send(message, text=True)
        for _ in connection:
            pass

    return talk


def received(stream: CandleStream, seconds: float = 20.0) -> list[Response]:
    found = stream.receive(seconds)
    stream.close()
    return found


def values(response: Response) -> dict[int, list[float]]:
    return {bar.ts: [bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in bars_of(response, "start", ALWAYS)}


def test_binance_s_candle_is_given_when_it_is_over_as_received() -> None:
    forming, over = (kline("BTCUSD", MINUTE, numbers, is_over=end) for numbers, end in ((VALUES, False), (LATER, True)))
    with pushing(sending("binance", forming, over)) as address:
        [response] = received(connected("binance", address))
    assert response.body == b"[" + over + b"]"
    assert (response.source, response.symbol, response.month) == ("crypto", "BTC/USD", None)
    assert values(response) == {MINUTE: LATER}


def test_kraken_s_newest_version_of_a_candle_is_given_when_its_minute_is_over() -> None:
    now = int(time.time()) // 60 * 60 + 120  # of a minute to come: the next one's candle says that it is over
    messages = (ohlc([("BTC/USD", now, VALUES)]), HEARTBEAT, ohlc([("BTC/USD", now, LATER)]))
    begun = ohlc([("BTC/USD", now + 60, VALUES)])
    with pushing(sending("kraken", *messages, begun)) as address:
        [response] = received(connected("kraken", address))
    assert response.body == b"[" + messages[-1] + b"]"
    assert values(response) == {now: LATER}
    assert response.fetched_at == now + 60


def test_a_snapshot_of_candles_is_given_by_symbol() -> None:
    snapshot = ohlc(
        [("BTC/USD", MINUTE, VALUES), ("ETH/USD", MINUTE, LATER), ("BTC/USD", MINUTE + 60, LATER)], "snapshot"
    )
    with pushing(sending("kraken", snapshot)) as address:
        found = {response.symbol: values(response) for response in received(connected("kraken", address))}
    assert found == {"BTC/USD": {MINUTE: VALUES, MINUTE + 60: LATER}, "ETH/USD": {MINUTE: LATER}}


def test_nothing_comes_within_a_time_where_nothing_is_final() -> None:
    now = int(time.time()) // 60 * 60 + 120
    with pushing(sending("kraken", HEARTBEAT, ohlc([("BTC/USD", now, VALUES)]))) as address:
        assert received(connected("kraken", address), 0.2) == []


def test_a_market_that_is_not_known_is_named() -> None:
    with pushing(sending("kraken")) as address, pytest.raises(errors.BadSymbol, match="not supported NOP/USD"):
        connected("kraken", address, ("BTC/USD", "NOP/USD"))


def garbage(connection: ServerConnection) -> None:
    connection.send("<html>")
    connection.recv()


def a_list(connection: ServerConnection) -> None:
    connection.send('["ohlc"]')
    connection.recv()


def no_candle(connection: ServerConnection) -> None:
    connection.send('{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","open":1}]}')
    connection.recv()


def too_large(connection: ServerConnection) -> None:
    connection.send('{"channel":"' + "x" * 2**21 + '"}')
    connection.recv()


def half_a_frame(connection: ServerConnection) -> None:
    connection.socket.sendall(b"\x81\x7e\x01\x00" + b"{" * 10)
    connection.socket.shutdown(socket.SHUT_RDWR)


def closed(connection: ServerConnection) -> None:
    connection.close(1001, "going away")


def cut(connection: ServerConnection) -> None:
    connection.socket.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (garbage, errors.InvalidResponse, "no message of its channel"),
        (a_list, errors.InvalidResponse, "no message of its channel"),
        (no_candle, errors.InvalidResponse, "no candle as it was known"),
        (too_large, errors.SourceUnavailable, "ended the connection"),
        (half_a_frame, errors.SourceUnavailable, "ended the connection"),
        (closed, errors.SourceUnavailable, "going away"),
        (cut, errors.SourceUnavailable, "ended the connection"),
    ],
)
def test_a_fault_ends_the_connection_with_one_typed_error(
    fault: Talk, kind: type[errors.SourceError], words: str
) -> None:
    def talk(connection: ServerConnection) -> None:
        accepted("kraken", connection)
        fault(connection)

    with pushing(talk) as address:
        stream = connected("kraken", address)
        with pytest.raises(kind, match=words):
            stream.receive(20.0)
        with pytest.raises(errors.SourceUnavailable):  # it is closed then
            stream.receive(20.0)


def test_a_connection_that_another_thread_closes_ends_the_wait() -> None:
    accepts = Event()

    def talk(connection: ServerConnection) -> None:
        accepted("kraken", connection)
        accepts.set()
        for _ in connection:
            pass

    with pushing(talk) as address:
        stream = connected("kraken", address)
        assert accepts.wait(20)
        stream.close()
        with pytest.raises(errors.SourceUnavailable):
            stream.receive(20.0)


def test_after_a_broken_connection_another_one_gives_the_later_candles() -> None:
    later = ohlc([("BTC/USD", MINUTE + 60, LATER)])
    with pushing(sending("kraken", ohlc([("BTC/USD", MINUTE, VALUES)]))) as address:
        first = connected("kraken", address)
        assert [values(each) for each in first.receive(20.0)] == [{MINUTE: VALUES}]
        first.close()
    with pushing(sending("kraken", later)) as address:
        assert [values(each) for each in received(connected("kraken", address))] == [{MINUTE + 60: LATER}]


def test_compressed_messages_are_read() -> None:
    with pushing(sending("kraken", ohlc([("BTC/USD", MINUTE, VALUES)]))) as address:
        stream = connected("kraken", address)
        assert "permessage-deflate" in stream.socket.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[attr-defined]
        assert [values(each) for each in received(stream)] == [{MINUTE: VALUES}]


def test_a_server_that_is_no_websocket_or_is_not_there_says_so() -> None:
    with pytest.raises(errors.SourceUnavailable, match="cannot be reached, or is no websocket"):
        connected("kraken", "ws://127.0.0.1:1")
    with pytest.raises(errors.NoNetwork, match="cannot be resolved"):
        connected("binance", "ws://exchange.invalid")


def test_a_server_that_refuses_a_country_says_so() -> None:
    def refuse(connection: ServerConnection, _: Request) -> HttpResponse:
        return connection.respond(451, "no")

    with pushing(sending("kraken"), refuse) as address, pytest.raises(errors.BlockedRegion, match="country"):
        connected("binance", address)
