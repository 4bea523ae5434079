"""The sources that come with the project. A source's own module is imported when it is opened or asked."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stock_ml.domain.capabilities import Capabilities
from stock_ml.sources.plugin import Connection, Opening, Row, Source, SourcePlugin

if TYPE_CHECKING:
    from stock_ml.config import Settings
    from stock_ml.domain.calendar import Sessions


def _sandbox(given: Opening) -> Source:
    from stock_ml.sources.alpha_vantage import AlphaVantage

    return AlphaVantage.sandbox(given.settings)


def _alpha_vantage(given: Opening) -> Source:
    from stock_ml.sources.alpha_vantage import AlphaVantage

    return AlphaVantage.connect(given.settings, given.limiter)


def _yahoo(given: Opening) -> Source:
    from stock_ml.sources.yahoo import Yahoo

    return Yahoo.connect(given.settings, given.limiter)


def _yahoo_requests(month: str, sessions: "Sessions", now: float) -> int:
    from stock_ml.sources.yahoo import request_count

    return request_count(month, sessions, now)


def _alpaca(given: Opening) -> Source:
    from stock_ml.sources.alpaca import Alpaca

    return Alpaca.connect(given.settings, given.limiter)


def _alpaca_requests(month: str, sessions: "Sessions", now: float) -> int:
    from stock_ml.sources.alpaca import request_count

    return request_count(month, sessions, now)


def _alpaca_stream(given: Opening, symbols: Sequence[str]) -> Connection:
    from stock_ml.sources.alpaca_stream import AlpacaStream

    return AlpacaStream.connect(given.settings, symbols)


def _crypto(given: Opening) -> Source:
    from stock_ml.sources.crypto import Crypto

    return Crypto.connect(given.settings, given.limiter)


def _crypto_rows(body: bytes) -> Iterable[Row]:
    from stock_ml.sources.parsing.crypto_candles import rows_of

    return rows_of(body)


def _crypto_stream(given: Opening, symbols: Sequence[str]) -> Connection:
    from stock_ml.sources.crypto_stream import CandleStream

    return CandleStream.connect(given.settings, symbols)


def _crypto_of(s: "Settings") -> SourcePlugin:
    from stock_ml.sources.crypto_exchanges import exchange_of

    exchange = exchange_of(s)

    def requests_for(month: str, sessions: "Sessions", now: float) -> int:
        from stock_ml.sources.crypto import request_count

        return request_count(exchange, month, sessions, now)

    stream = _crypto_stream if exchange.stream_url else None
    return replace(CRYPTO, capabilities=exchange.capabilities, requests_for=requests_for, connect=stream)


def _csv(given: Opening) -> Source:
    from stock_ml.sources.csv_files import CsvFiles

    return CsvFiles.connect(given.settings)


SANDBOX = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", simulated=True, adjustable=True, delayed=900),
    open=_sandbox,
)
ALPHA_VANTAGE = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months", metered=True, adjustable=True, delayed=900, closing=300, settles=3600),
    open=_alpha_vantage,
)
YAHOO = SourcePlugin(
    contract=1,
    # Yahoo blocks faster clients
    capabilities=Capabilities("rolling window", per_minute=60, closing=300, settles=3600),
    open=_yahoo,
    requests_for=_yahoo_requests,
)
ALPACA = SourcePlugin(
    contract=1,
    capabilities=Capabilities(
        "whole months",
        per_minute=150,  # of the 200 that a free key allows
        closing=1200,  # by then the tape has the session, which the ingestion that follows reads
        settles=3600,
        pushes=True,
        settled_after=1020,  # the tape is for free 16 minutes later, and a minute for clocks that differ
        note="live from IEX, about 3 % of the volume; settled on the full tape",
    ),
    open=_alpaca,
    requests_for=_alpaca_requests,
    connect=_alpaca_stream,
)
CRYPTO = SourcePlugin(
    contract=1,
    capabilities=Capabilities("whole months"),
    open=_crypto,
    connect=_crypto_stream,
    parse=_crypto_rows,
    exchange="24/7",
    symbols=("BTC/USD", "ETH/USD"),
    variant=_crypto_of,
)
CSV = SourcePlugin(contract=1, capabilities=Capabilities("file", closing=300), open=_csv)
