"""The call to Yahoo: `yfinance` sends it (a browser's handshake, cookies, crumb), and the body is kept as it came.

`Ticker.history` hides the body, sends two requests, and rounds and drops rows; so only the package's transport is used.
"""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from curl_cffi.const import CurlOpt
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import DNSError, RequestException, Timeout
from curl_cffi.requests.session import HttpMethod
from yfinance.cache import set_cache_location
from yfinance.data import YfData
from yfinance.exceptions import YFRateLimitError

from stock_ml.errors import (
    BadSymbol,
    BurstLimit,
    InvalidResponse,
    NoBars,
    NoNetwork,
    ServerError,
    SourceError,
    SourceUnavailable,
    TimedOut,
    TooLarge,
)
from stock_ml.sources.http_body import MAX_BYTES, TIMEOUT

HOST = ".yahoo.com"
TOO_LARGE = 63  # curl's number for a response beyond the limit
UNKNOWN, NO_BARS = (
    ("no data found", "delisted"),
    ("doesn't exist for startdate", "must be within the last", "not available"),
)


class _Browser(Session[Response]):
    """Send what is meant for Yahoo to one address, and never wait long; yfinance waits 30 seconds for a cookie."""

    def __init__(self, address: str, own: bool) -> None:
        super().__init__(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE_LARGE: MAX_BYTES})
        self.instead = None if own else address

    def request(self, method: HttpMethod, url: str, *args: Any, **named: Any) -> Any:
        """Send one request."""
        host, slash, path = url.partition("://")[2].partition("/")
        if self.instead and host.endswith(HOST):
            url = f"{self.instead}{slash}{path}"
        return super().request(method, url, *args, **{**named, "timeout": TIMEOUT})


class Charts:
    """Ask one address for charts of minute bars."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address.rstrip("/")
        own = self.address.partition("://")[2].endswith(HOST)
        logging.getLogger("yfinance").setLevel(logging.ERROR)  # it warns of each crumb that it can do without
        set_cache_location(str(folder))
        self._transport = YfData(session=_Browser(self.address, own))

    def request(self, symbol: str, params: dict[str, str]) -> bytes:
        """Return the body of one response with a chart, as it came. Raises the SourceError that any other one means."""
        url = f"{self.address}/v8/finance/chart/{quote(symbol, safe='')}"
        try:
            response = self._transport.get(url, params=params, timeout=TIMEOUT)
        except YFRateLimitError:
            raise BurstLimit("Yahoo gets too many requests from this address: wait, or take fewer symbols") from None
        except RequestException as error:
            raise self._unreachable(error) from None
        if response.status_code >= 500:
            raise ServerError(f"{self.address} answered HTTP {response.status_code}; it may go through later")
        body = bytes(response.content)
        self._check(body, f"{self.address} (HTTP {response.status_code}) on {symbol}")
        return body

    def _unreachable(self, error: RequestException) -> SourceError:
        if isinstance(error, DNSError):
            return NoNetwork(
                f"the name of {self.address} cannot be resolved: is this machine on a network that reaches it?"
            )
        if isinstance(error, Timeout):
            return TimedOut(f"{self.address} did not answer within {TIMEOUT:.0f} s; see that the network is up")
        if error.code == TOO_LARGE:
            return TooLarge(
                f"{self.address} answered with more than {MAX_BYTES >> 20} MiB: that is no chart; nothing kept"
            )
        return SourceUnavailable(
            f"{self.address} cannot be reached, or broke off ({type(error).__name__}); see the network"
        )

    def _check(self, body: bytes, where: str) -> None:
        try:
            chart = orjson.loads(body)["chart"]
            message = (chart.get("error") or {}).get("description") or ""
            has_result = bool(chart.get("result"))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            start = body[:120].decode("utf-8", "replace")
            raise InvalidResponse(
                f"{where} answered without a chart; has Yahoo changed its layout? {start!r}"
            ) from None
        if any(words in message.lower() for words in UNKNOWN):
            raise BadSymbol(f"Yahoo knows no such symbol. It said: {message:.300}")
        if any(words in message.lower() for words in NO_BARS):
            raise NoBars(f"Yahoo has no minute bars of that time. It said: {message:.300}")
        if message or not has_result:
            raise InvalidResponse(f"{where} answered without bars: {message:.300}")
