"""Answers in the shape of Yahoo's charts, with invented prices, and a server that gives them."""

import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import orjson

from stock_ml.domain.calendar import sessions
from tests.http import send

XNYS = sessions("XNYS")
UNKNOWN = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
TOO_OLD = {
    "code": "Unprocessable Entity",
    "description": "1m data not available for startTime=1 and endTime=2. "
    "The requested range must be within the last 30 days.",
}
NOTHING_YET = {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate = 2"}
Answers = Callable[[str, dict[str, str]], tuple[int, bytes]]


def chart(ts: list[int], rows: list[list[float | None]], symbol: str = "GOOGL", **meta: object) -> dict[str, Any]:
    """Return a chart of minute bars; a row is open, high, low, close, volume, or nulls where nobody traded."""
    names = ("open", "high", "low", "close", "volume")
    quote = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    result = {"meta": _meta(symbol, ts) | meta, "indicators": {"quote": [quote if ts else {}]}}
    return {"chart": {"result": [result | ({"timestamp": ts} if ts else {})], "error": None}}


def refused(error: dict[str, str]) -> bytes:
    """Return an answer without a chart."""
    return orjson.dumps({"chart": {"result": None, "error": error}})


def invented(ts: np.ndarray) -> list[list[float | None]]:
    """Return rows that differ from minute to minute; each seventeenth minute has no trade."""
    base = [100 + (int(t) // 60 % 1000) / 100 for t in ts]
    return [
        [None] * 5 if t // 60 % 17 == 0 else [b, b + 0.0712, b - 0.05, b + 0.01, 100 + t // 60 % 50]
        for t, b in zip(ts.tolist(), base, strict=True)
    ]


def minutes_between(start: float, end: float) -> np.ndarray:
    """Return the opens of all minutes of sessions in a span."""
    chosen = (XNYS.closes > start) & (XNYS.opens < end)
    spans = zip(XNYS.opens[chosen], XNYS.closes[chosen], strict=True)
    ts = np.concatenate([np.array([], np.int64), *(np.arange(opens, closes, 60) for opens, closes in spans)])
    return ts[(ts >= start) & (ts < end)]


def serving(now: float, answer: Answers | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what a server does at market time `now`: cookies and crumbs as Yahoo, and charts by `answer`."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if found := re.fullmatch(r"/v8/finance/chart/(.+)", path):
            status, body = (answer or market(now))(unquote(found[1]), asked)
            send(request, body, status)
        else:
            send(request, b"a.crumb", kind="text/plain")

    return handle


def market(now: float) -> Answers:
    """Return the answers of a service that knows GOOGL and BRK-B and keeps minutes for 30 days."""

    def answer(symbol: str, asked: dict[str, str]) -> tuple[int, bytes]:
        if symbol not in ("GOOGL", "BRK-B", "^GSPC"):
            return 404, refused(UNKNOWN)
        start, end = float(asked["period1"]), float(asked["period2"])
        if start < now - 30 * 86_400:
            return 422, refused(TOO_OLD)
        if end - start > 8 * 86_400:
            return 422, refused(TOO_OLD | {"description": "Only 8 days worth of 1m granularity data are allowed"})
        ts = minutes_between(start, min(end, now))
        rows = invented(ts)
        if len(ts) and rows[0][4]:
            rows[0][4] = 0  # the first candle of an answer comes without its volume
        if len(ts) and end >= now:  # the price of this moment comes last, with seconds and no volume
            ts, rows = np.append(ts, int(now)), [*rows, [101.0, 101.0, 101.0, 101.0, 0]]
        return 200, orjson.dumps(chart(ts.tolist(), rows, symbol, regularMarketTime=int(now)))

    return answer


def _meta(symbol: str, ts: list[int]) -> dict[str, object]:
    period = {"timezone": "EST", "start": 0, "end": 0, "gmtoffset": -18000}
    return {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NMS",
        "fullExchangeName": "NasdaqGS",
        "instrumentType": "EQUITY",
        "firstTradeDate": 1092922200,
        "regularMarketTime": ts[-1] if ts else None,
        "hasPrePostMarketData": True,
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": 101.0,
        "previousClose": 100.0,
        "scale": 3,
        "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "tradingPeriods": [[period]],
        "dataGranularity": "1m",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }
