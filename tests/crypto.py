"""Answers and messages as Coinbase, Kraken and Binance document them, with invented prices, and servers of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from websockets.sync.server import ServerConnection

from stock_ml.testing.hostile_cases import Rows, Values
from tests.http import send

MARKETS = {
    "coinbase": ("BTC-USD", "ETH-USD", "GOOGL"),
    "kraken": ("XBTUSD", "ETHUSD", "GOOGL"),
    "binance": ("BTCUSD", "BTCUSDT", "ETHUSD", "GOOGL"),
}
PATHS = {"coinbase": "/products/", "kraken": "/0/public/OHLC", "binance": "/api/v3/klines"}
UNKNOWN = {
    "coinbase": (404, {"message": "NotFound"}),
    "kraken": (200, {"error": ["EQuery:Unknown asset pair"]}),
    "binance": (400, {"code": -1121, "msg": "Invalid symbol."}),
}
TOO_WIDE = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"
Answer = tuple[int, bytes]


def invented(start: int, end: int) -> Rows:
    """Return rows of whole minutes; in each seventeenth nobody trades, so there is no row."""
    return [(ts, _values(ts)) for ts in range(-(-start // 60) * 60, end, 60) if ts // 60 % 17]


def _values(ts: int) -> Values:
    base = 60_000 + ts // 60 % 1000 / 10
    return [base, base + 7.12, base - 5.0, base + 1.0, 0.5 + ts // 60 % 50 / 100]


def candles(exchange: str, rows: Rows) -> bytes:
    """Return a body with rows as an exchange writes them."""
    return {"coinbase": _coinbase, "kraken": _kraken, "binance": _binance}[exchange](rows)


def market(exchange: str, now: float) -> Callable[[str, dict[str, str]], Answer]:
    """Return the answers of an exchange at a time, UTC epoch seconds, with its limits."""

    def answer(path: str, query: dict[str, str]) -> Answer:
        name = query.get("pair") or query.get("symbol") or path.split("/")[2]
        if name not in MARKETS[exchange]:
            status, said = UNKNOWN[exchange]
            return status, orjson.dumps(said)
        start, end = span_of(exchange, query)
        if exchange == "coinbase" and (end - start) // 60 >= 300:
            return 400, orjson.dumps({"message": TOO_WIDE})
        rows = invented(start, int(min(end + 1, now)))
        most = {"coinbase": 300, "kraken": 720, "binance": int(query.get("limit", "500"))}[exchange]
        return 200, candles(exchange, rows[-most:] if exchange == "kraken" else rows[:most])

    return answer


def span_of(exchange: str, query: dict[str, str]) -> tuple[int, int]:
    """Return from when until when candles are asked for, in UTC epoch seconds."""
    if exchange == "coinbase":
        start, end = (int(datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
        return start, end
    if exchange == "kraken":
        return int(query["since"]) + 1, 2**33
    return int(query["startTime"]) // 1000, int(query["endTime"]) // 1000


def serving(answer: Callable[[str, dict[str, str]], Answer]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what a server of candles does."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(request.path)
        status, body = answer(asked.path, dict(parse_qsl(asked.query)))
        send(request, body, status)

    return handle


def accepted(exchange: str, connection: ServerConnection) -> list[str]:
    """Accept a subscription as an exchange does, or refuse it, and return its markets."""
    asked = orjson.loads(connection.recv())
    if exchange == "binance":
        connection.send(orjson.dumps({"result": None, "id": asked["id"]}).decode())
        return [name.partition("@")[0].upper() for name in asked["params"]]
    connection.send(status().decode())
    for name in asked["params"]["symbol"]:
        known = name in ("BTC/USD", "ETH/USD", "GOOGL")
        done = {"result": {"channel": "ohlc", "interval": 1, "snapshot": True, "symbol": name}, "success": True}
        failed = {"error": f"Currency pair not supported {name}", "success": False, "symbol": name}
        connection.send(orjson.dumps({"method": "subscribe", **(done if known else failed)}).decode())
    return list(asked["params"]["symbol"])


def status() -> bytes:
    """Return what Kraken says first."""
    data = [{"version": "2.0.0", "system": "online", "api_version": "v2", "connection_id": 1}]
    return orjson.dumps({"channel": "status", "type": "update", "data": data})


HEARTBEAT = b'{"channel":"heartbeat"}'


def ohlc(candles_of: Sequence[tuple[str, int, Values]], kind: str = "update") -> bytes:
    """Return Kraken's message of candles: market, minute and values each."""
    names = ("open", "high", "low", "close", "volume")
    data = [
        {"symbol": name, **dict(zip(names, values, strict=True)), "trades": 3, "vwap": values[0], "interval": 1}
        | {"interval_begin": _stamp(ts), "timestamp": _stamp(ts + 60)}
        for name, ts, values in candles_of
    ]
    return orjson.dumps({"channel": "ohlc", "type": kind, "timestamp": _stamp(0), "data": data})


def kline(name: str, ts: int, values: Values, *, is_over: bool) -> bytes:
    """Return Binance's message of a candle."""
    numbers = dict(zip("ohlcv", (_text(value) for value in values), strict=True))
    k = {"t": ts * 1000, "T": ts * 1000 + 59_999, "s": name, "i": "1m", "f": 1, "L": 9, "n": 9, "x": is_over}
    data = {"e": "kline", "E": ts * 1000 + 60_004, "s": name, "k": k | numbers | {"q": "1.0", "V": "0", "Q": "0"}}
    return orjson.dumps({"stream": f"{name.lower()}@kline_1m", "data": data})


def _stamp(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts, UTC):%Y-%m-%dT%H:%M:%S}.000000000Z"


def _coinbase(rows: Rows) -> bytes:
    lists = [[ts, low, high, opened, close, volume] for ts, (opened, high, low, close, volume) in rows]
    return orjson.dumps(lists[::-1])  # the newest one comes first


def _kraken(rows: Rows) -> bytes:
    lists = [[ts, *map(_text, (o, h, low, c, o, v)), 3] for ts, (o, h, low, c, v) in rows]
    last = rows[-1][0] if rows else 0
    return orjson.dumps({"error": [], "result": {"XXBTZUSD": lists, "last": last}})


def _binance(rows: Rows) -> bytes:
    def of(ts: int, values: Values) -> list[Any]:
        return [ts * 1000, *map(_text, values), ts * 1000 + 59_999, "1.0", 9, "0.5", "0.5", "0"]

    return orjson.dumps([of(ts, values) for ts, values in rows])


def _text(value: float | None) -> str | None:
    return None if value is None else str(value)
