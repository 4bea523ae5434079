"""Alpaca's market data as its documentation records it, REST and websocket, on loopback: with invented prices.

docs.alpaca.markets: "Historical bars", "WebSocket Stream", "Real-time Stock Data". Alpaca's own client, `alpaca-py`,
reads the same bars from it (tests/adapters/test_alpaca_sdk.py).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from queue import Queue
from threading import Event
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import orjson
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from stock_ml.testing.service import pushing
from tests.http import answering
from tests.yahoo import XNYS, invented, minutes_between

KEY, SECRET = "PKTEST0123456789ABCD", "secret0123456789abcdefghijklmnopqrstuvwx"
RECENT = "subscription does not permit querying recent SIP data"
IEX_SHARE = 0.03
RENAMED = "2022-06-09"  # FB became META on that day; another company had been META until January
PRICES = {"GOOGL": 1.0, "SPY": 4.0, "BRK.B": 3.5, "THIN": 0.2}
Message = dict[str, Any]
Refusal = tuple[int, bytes]


def bar(ts: int, row: list[float], share: float = 1.0) -> Message:
    """Return a bar as REST and websocket have it."""
    opened, high, low, close, volume = row
    at = np.datetime64(ts, "s").item().strftime("%Y-%m-%dT%H:%M:%SZ")
    prices = {"o": opened, "h": high, "l": low, "c": close}
    return {"t": at, **prices, "v": round(volume * share), "n": 9, "vw": close}


@dataclass
class Market:
    """Hold what the service knows at its time `now`, and what it is made to do.

    `paid`: the plan has the newest minutes of the tape. `history`: the plan has the tape at all.
    `refusals` are answered once each before any bars; `asked` are the parameters of all requests.
    `script` talks on a websocket instead of the service; `status` refuses to open one.
    """

    now: float
    paid: bool = False
    history: bool = True
    limit: int = 30
    page: int = 10_000
    refusals: list[Refusal] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    script: Callable[[ServerConnection], None] | None = None
    status: int = 0
    connections: "Queue[ServerConnection]" = field(default_factory=Queue)
    in_use: Event = field(default_factory=Event)

    def rows(self, symbol: str, asof: str, feed: str, start: float, end: float) -> list[Message]:
        """Return the bars that begin from `start` to `end`, of the company that had the symbol on a day."""
        price = self._price(symbol, asof)
        if price is None:
            return []
        ts = minutes_between(start, min(end, self.now - 60) + 1)
        rows = zip(ts.tolist(), invented(ts), strict=True)
        traded = [(at, [value or 0.0 for value in row]) for at, row in rows if row[4]]
        found = [(at, [*(round(value * price, 4) for value in row[:4]), row[4] * 1000]) for at, row in traded]
        share = IEX_SHARE if feed == "iex" else 1.0
        found = [(at, row) for at, row in found if feed != "iex" or (symbol, at // 60 % 3) != ("THIN", 0)]
        return [bar(at, row, share) for at, row in sorted(found + self._auctions(price, feed, start, end))]

    def _auctions(self, price: float, feed: str, start: float, end: float) -> list[tuple[int, list[float]]]:
        closes = XNYS.closes[(XNYS.closes >= start) & (XNYS.closes <= min(end, self.now - 60))].tolist()
        before = {close: invented(np.array([close - 120]))[0][3] or 100.0 for close in closes}
        return [(at, [round(last * price, 4)] * 4 + [9e6]) for at, last in before.items()] if feed == "sip" else []

    def _price(self, symbol: str, asof: str) -> float | None:
        if symbol == "META":
            return 2.0 if asof >= RENAMED else 0.15
        return PRICES.get(symbol)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request for bars."""
        target = urlsplit(request.path)
        status, body = self._answer(request, target.path, dict(parse_qsl(target.query)))
        request.send_response_only(status)
        request.send_header("Date", formatdate(self.now, usegmt=True))
        request.send_header("Content-Type", "application/json")
        request.send_header("X-RateLimit-Limit", "200")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _answer(self, request: BaseHTTPRequestHandler, path: str, params: dict[str, str]) -> Refusal:
        self.asked.append(params)
        headers = request.headers
        if self.refusals:
            return self.refusals.pop(0)
        if path != "/v2/stocks/bars":
            return 404, refused("Not Found")
        if (headers["APCA-API-KEY-ID"], headers["APCA-API-SECRET-KEY"]) != (KEY, SECRET):
            return 403, refused("forbidden.")
        return self._bars(params)

    def _bars(self, params: dict[str, str]) -> Refusal:
        symbol, feed = params["symbols"], params.get("feed", "sip")
        start, end = (datetime.fromisoformat(params[name]).timestamp() for name in ("start", "end"))
        if not re.fullmatch(r"[A-Z.]+", symbol):
            return 400, refused(f"invalid symbol: {symbol}")
        if end < start:
            return 400, refused("end should not be before start")
        if feed == "sip" and (not self.history or (not self.paid and end > self.now - 900)):
            return 403, refused(RECENT)
        found = self.rows(symbol, params.get("asof", "9999"), feed, start, end)
        found = found[:1] if params["timeframe"] == "1Day" else found
        at, size = int(params.get("page_token", "0")), min(int(params["limit"]), self.page)
        token = str(at + size) if at + size < len(found) else None
        bars = {symbol: found[at : at + size]} if found else {}
        return 200, orjson.dumps({"bars": bars, "next_page_token": token})

    def admit(self, socket: ServerConnection, _: Request) -> Response | None:
        """Refuse to open a websocket where that is asked for."""
        return socket.respond(self.status, "") if self.status else None

    def stream(self, socket: ServerConnection) -> None:
        """Talk on a websocket until the client leaves."""
        try:
            (self.script or self.welcome)(socket)
            for _ in socket:
                pass
        except ConnectionClosed:
            pass

    def welcome(self, socket: ServerConnection) -> None:
        send(socket, {"T": "success", "msg": "connected"})
        if self.in_use.is_set():
            send(socket, error(406, "connection limit exceeded"))
            return
        auth = self._receive(socket)
        if (auth.get("key"), auth.get("secret")) != (KEY, SECRET):
            send(socket, error(402, "auth failed"))
            return
        send(socket, {"T": "success", "msg": "authenticated"})
        self._subscribe(socket, self._receive(socket))
        self.connections.put(socket)

    def _subscribe(self, socket: ServerConnection, asked: Message) -> None:
        bars = asked.get("bars", [])
        if len(bars) > self.limit:
            send(socket, error(405, "symbol limit exceeded"))
        elif any(not re.fullmatch(r"[A-Z.]+", symbol) for symbol in bars):
            send(socket, error(400, "invalid syntax"))
        else:
            none: dict[str, list[str]] = {name: [] for name in ("trades", "quotes", "dailyBars", "statuses", "lulds")}
            send(socket, {"T": "subscription", **none, "bars": bars, "updatedBars": asked.get("updatedBars", [])})

    def _receive(self, socket: ServerConnection) -> Message:
        frame = socket.recv(10)
        message: Message = _unpacked(frame) if is_packed(socket) else orjson.loads(frame)
        self.received.append(message)
        return message


def refused(message: str) -> bytes:
    """Return the body of a refusal."""
    return orjson.dumps({"message": message})


def error(code: int, message: str) -> Message:
    """Return an error of the websocket."""
    return {"T": "error", "code": code, "msg": message}


def pushed(symbol: str, ts: int, close: float = 100.0, kind: str = "b", volume: int = 300) -> Message:
    """Return a minute bar of the websocket, or with kind "u" a later version of one."""
    return {"T": kind, "S": symbol, **bar(ts, [100.0, max(close, 100.0) + 0.5, 99.5, close, volume])}


def send(socket: ServerConnection, *messages: Message) -> None:
    """Send messages in one frame, as JSON or as the client asked for."""
    socket.send(_packed(messages) if is_packed(socket) else orjson.dumps(messages).decode())


def is_packed(socket: ServerConnection) -> bool:
    """Say whether the client asked for MessagePack."""
    return bool(socket.request and socket.request.headers.get("Content-Type") == "application/msgpack")


def _packed(messages: tuple[Message, ...]) -> bytes:
    msgpack = import_module("msgpack")  # of `alpaca-py`, which asks for it

    def stamped(message: Message) -> Message:
        at = message.get("t")
        return message | ({"t": msgpack.Timestamp.from_datetime(datetime.fromisoformat(at))} if at else {})

    return bytes(msgpack.packb([stamped(message) for message in messages]))


def _unpacked(frame: bytes | str) -> Any:
    msgpack = import_module("msgpack")
    return msgpack.unpackb(frame)


@contextmanager
def alpaca(market: Market) -> Iterator[dict[str, str]]:
    """Serve a market; yield the settings that lead to it."""
    with answering(market.answer) as address, pushing(market.stream, market.admit) as stream:
        yield {"alpaca_url": address, "alpaca_stream_url": stream, "alpaca_key": KEY, "alpaca_secret": SECRET}
