"""The services of the built-in sources, for the kit that tries any source."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import orjson
from websockets.sync.server import ServerConnection

from benchmarks._hostile import csv_body, json_body, yahoo_body
from stock_ml.sources.alpaca import DELAY, Alpaca
from stock_ml.sources.crypto import Crypto
from stock_ml.sources.plugin import Source
from stock_ml.sources.yahoo import Yahoo
from stock_ml.testing.hostile_cases import Layout, Rows, Values
from stock_ml.testing.service import Request, Service
from tests import alpaca, crypto
from tests.yahoo import NOTHING_YET, refused

UNKNOWN = orjson.dumps({"Error Message": "Invalid API call. Please retry or visit the documentation"})


@dataclass
class AlphaVantageService(Service):
    """Answer as Alpha Vantage, in JSON or CSV."""

    layout: Layout
    address_setting: str = "alphavantage_url"

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        given = {"ALPHAVANTAGE_API_KEY": "a secret key", "requests_per_minute": 60_000}
        return {**given, "alphavantage_datatype": self.layout, self.address_setting: address}

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        body = {"csv": csv_body, "json": json_body}[self.layout]
        return body(rows, zone) if rows else UNKNOWN


class YahooService(Service):
    """Answer as Yahoo: crumbs, and charts of the time that is asked for."""

    layout: Layout = "yahoo"

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        return {"yahoo_url": address}

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        if "/chart/" not in request.path:
            return b"a.crumb"
        start, end = (int(request.query[name]) for name in ("period1", "period2"))
        return yahoo_body([row for row in rows if start <= row[0] < end], zone) if rows else refused(NOTHING_YET)

    def at(self, source: Source, known_at: float) -> Source:
        assert isinstance(source, Yahoo)
        source.now = lambda: known_at
        return source


class AlpacaService(Service):
    """Answer as Alpaca, with all rows: those outside of the time that is asked for must do no harm."""

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        return {"alpaca_url": address, "alpaca_key": "a-key", "alpaca_secret": "a-secret-key"}

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        bars = [_alpaca_bar(ts, values) for ts, values in rows]
        return orjson.dumps({"bars": {request.query["symbols"]: bars} if bars else {}, "next_page_token": None})

    def stream_settings(self, address: str) -> dict[str, object]:
        return {"alpaca_stream_url": address, "alpaca_key": alpaca.KEY, "alpaca_secret": alpaca.SECRET}

    def push(self, connection: ServerConnection, symbol: str, rows: Rows) -> None:
        alpaca.Market(0.0).welcome(connection)
        if rows:
            alpaca.send(connection, *({"T": "b", "S": symbol, **_alpaca_bar(ts, values)} for ts, values in rows))

    def at(self, source: Source, known_at: float) -> Source:
        assert isinstance(source, Alpaca)
        source.now = lambda: known_at + DELAY
        return source


def _alpaca_bar(ts: int, values: Values) -> dict[str, object]:
    return {"t": datetime.fromtimestamp(ts, UTC).isoformat(), **dict(zip("ohlcv", values, strict=True))}


@dataclass
class CryptoService(Service):
    """Answer as an exchange of coins: candles of the time that is asked for."""

    exchange: str

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        return {"crypto_exchange": self.exchange, "crypto_url": address}

    def answer(self, request: Request, rows: Rows, zone: str) -> bytes:
        start, end = crypto.span_of(self.exchange, request.query)
        return crypto.candles(self.exchange, [row for row in rows if start <= row[0] < end + 60])

    def stream_settings(self, address: str) -> dict[str, object]:
        return {"crypto_stream_url": address}

    def push(self, connection: ServerConnection, symbol: str, rows: Rows) -> None:
        [name] = crypto.accepted(self.exchange, connection)
        assert name == symbol
        for ts, values in rows:
            of_kraken = self.exchange == "kraken"
            message = crypto.ohlc([(name, ts, values)]) if of_kraken else crypto.kline(name, ts, values, is_over=True)
            connection.send(message.decode())

    def at(self, source: Source, known_at: float) -> Source:
        assert isinstance(source, Crypto)
        source.now = lambda: known_at
        if self.exchange == "kraken":  # the kit's two sessions are longer than its memory
            source.exchange = replace(source.exchange, keeps=inf, most=10_000)
        return source


class CsvService(Service):
    """Put a file where the source looks."""

    speaks_http = False

    def settings(self, address: str, folder: Path) -> dict[str, object]:
        return {"csv_path": folder}

    def publish(self, folder: Path, rows: Rows, zone: str) -> None:
        file = folder / "GOOGL.csv"
        file.unlink(missing_ok=True)
        if rows:
            file.write_bytes(csv_body(rows, zone))


JSON, CSV, SANDBOX = AlphaVantageService("json"), AlphaVantageService("csv"), AlphaVantageService("json", "sandbox_url")
YAHOO, ALPACA, FILES = YahooService(), AlpacaService(), CsvService()
COINBASE, KRAKEN, BINANCE = CryptoService("coinbase"), CryptoService("kraken"), CryptoService("binance")
