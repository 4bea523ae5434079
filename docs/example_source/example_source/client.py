"""The calls to the service: each response as received, each refusal as the error that says what to do."""

import time

import orjson
import requests
from pydantic import SecretStr

from stock_ml import errors
from stock_ml.sources.http_body import CHUNK, TIMEOUT, read_body
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import RequestLimiter
from stock_ml.sources.retry import RETRIES

REFUSALS = {401: errors.BadKey, 403: errors.PremiumEndpoint, 404: errors.BadSymbol, 429: errors.BurstLimit}


class RestBars:
    """Request GET /bars?symbol=…&month=YYYY-MM, or &last=120 for the newest bars."""

    def __init__(self, name: str, url: str, key: SecretStr, limiter: RequestLimiter) -> None:
        self.name, self.url, self._key, self._limiter = name, f"{url}/bars", key, limiter

    def fetch(self, symbol: str, month: str) -> Response:
        """Return a whole month of minute bars."""
        return self._response(symbol, month, {"symbol": symbol, "month": month})

    def newest(self, symbol: str) -> Response:
        """Return the last 120 minute bars."""
        return self._response(symbol, None, {"symbol": symbol, "last": "120"})

    def _response(self, symbol: str, month: str | None, params: dict[str, str]) -> Response:
        for attempt in RETRIES.copy():  # of a service that is unavailable, and of too many requests at once
            with attempt:
                self._limiter()
                at = time.time()  # before the request: a bar that ends while it is on its way may still form
                body = self._get(params)
        if not _bars(body, self.url):
            raise errors.NoBars(f"{self.url} has no bars of {symbol} in {month or 'its newest'}")
        return Response(self.name, symbol, month, params, at, body, "application/json")

    def _get(self, params: dict[str, str]) -> bytes:
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"}  # an address with a key would be logged
        try:
            with requests.get(self.url, params, headers=headers, timeout=TIMEOUT, stream=True) as response:
                body = read_body(response.iter_content(CHUNK), self.url)
        except requests.RequestException as error:
            raise errors.SourceUnavailable(f"{self.url}: {type(error).__name__}; see the network") from None
        if response.status_code >= 500:
            raise errors.ServerError(f"{self.url} answered HTTP {response.status_code}; it may go through later")
        if refusal := REFUSALS.get(response.status_code):
            raise refusal(f"{self.url} answered HTTP {response.status_code} for {params['symbol']}")
        return body


def _bars(body: bytes, where: str) -> list[object]:
    try:
        bars: list[object] = orjson.loads(body)["bars"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise errors.InvalidResponse(f"{where} answered without bars; has its layout changed?") from None
    return bars
