"""What differs between the exchanges of coins: their addresses, how a market is named, and what an answer may hold."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from stock_ml.domain.bars import MINUTE, utc
from stock_ml.domain.capabilities import Capabilities
from stock_ml.errors import BadSymbol, BlockedRegion, BurstLimit, InvalidResponse, ServerError, SourceError

if TYPE_CHECKING:
    from stock_ml.config import Settings

CLOSING, SETTLES = 60, 600  # seconds: an exchange shows a candle moments after its minute
KRAKENS_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
BLOCKED, LIMITED = (403, 451), (418, 429)
UNKNOWN_MARKET = ("notfound", "invalid symbol", "unknown asset", "illegal characters", "not supported")
TOO_MANY = ("rate limit", "too many requests")


@dataclass(frozen=True)
class Exchange:
    """Describe an exchange.

    `most`: minutes that one answer may span. `keeps`: seconds of history that it gives.
    `request`: the path and parameters of the candles of a market from a minute to another, both included.
    """

    title: str
    url: str
    capabilities: Capabilities
    market: Callable[[str], str]
    request: Callable[[str, int, int], tuple[str, dict[str, str]]]
    most: int
    keeps: float = inf
    stream_url: str = ""


def exchange_of(s: "Settings") -> Exchange:
    """Return the exchange that the settings name."""
    return EXCHANGES[s.crypto_exchange]


def refusal(exchange: Exchange, status: int, said: str) -> SourceError:
    """Return the error that a refusal of an exchange means, by its status (200 where it has none) and its words."""
    words, where = said.lower(), f"{exchange.title} (HTTP {status})"
    if status in LIMITED or any(phrase in words for phrase in TOO_MANY):
        return BurstLimit(f"{where} gets too many requests from this address. It said: {said:.200}")
    if status in BLOCKED:
        other = "choose another exchange with STOCKML_CRYPTO_EXCHANGE, or an address of it with STOCKML_CRYPTO_URL"
        return BlockedRegion(f"{where} refuses this machine: it does not serve every country. So {other}")
    if status == 404 or any(phrase in words for phrase in UNKNOWN_MARKET):
        return BadSymbol(f"{exchange.title} has no such market; write it as BTC/USD. It said: {said:.200}")
    if status >= 500 or "eservice:" in words or "internal error" in words:
        return ServerError(f"{where} answered with an error of its own; it may go through later. It said: {said:.200}")
    return InvalidResponse(f"{where} gave no candles; has its service changed? It said: {said:.200}")


def _of_coinbase(market: str, start: int, end: int) -> tuple[str, dict[str, str]]:
    span = {"start": f"{utc(start):%Y-%m-%dT%H:%M:%SZ}", "end": f"{utc(end):%Y-%m-%dT%H:%M:%SZ}"}
    return f"/products/{market}/candles", {"granularity": str(MINUTE), **span}


def _of_kraken(market: str, start: int, end: int) -> tuple[str, dict[str, str]]:
    del end  # it answers until now
    return "/0/public/OHLC", {"pair": market, "interval": "1", "since": str(start - MINUTE)}


def _of_binance(market: str, start: int, end: int) -> tuple[str, dict[str, str]]:
    span = {"startTime": f"{start}000", "endTime": f"{end}000", "limit": "1000"}
    return "/api/v3/klines", {"symbol": market, "interval": "1m", **span}


def _with_hyphen(symbol: str) -> str:
    return symbol.replace("/", "-")


def _in_one_word(symbol: str) -> str:
    return symbol.replace("/", "")


def _krakens(symbol: str) -> str:
    return "".join(KRAKENS_NAMES.get(name, name) for name in symbol.split("/"))


EXCHANGES = {
    "coinbase": Exchange(
        "Coinbase",
        "https://api.exchange.coinbase.com",
        Capabilities("whole months", per_minute=240, closing=CLOSING, settles=SETTLES),
        _with_hyphen,
        _of_coinbase,
        most=300,
    ),
    "kraken": Exchange(
        "Kraken",
        "https://api.kraken.com",
        Capabilities("rolling window", per_minute=60, pushes=True, closing=CLOSING, settles=SETTLES),
        _krakens,
        _of_kraken,
        most=720,
        keeps=719.0 * MINUTE,
        stream_url="wss://ws.kraken.com/v2",
    ),
    "binance": Exchange(
        "Binance",
        "https://data-api.binance.vision",
        Capabilities("whole months", per_minute=240, pushes=True, closing=CLOSING, settles=SETTLES),
        _in_one_word,
        _of_binance,
        most=1000,
        stream_url="wss://data-stream.binance.vision/stream",
    ),
}
