"""Send the request that the `alpha_vantage` package builds with our own session, and return the body unchanged."""

import time
from dataclasses import dataclass
from urllib.parse import quote

import requests
from alpha_vantage.timeseries import TimeSeries

from stock_ml.errors import InvalidResponse, ServerError
from stock_ml.sources.alpha_vantage_errors import check
from stock_ml.sources.http_body import CHUNK, TIMEOUT, read_body
from stock_ml.sources.http_errors import unreachable
from stock_ml.sources.redaction import Redaction

TIME_HEADER = "X-Market-Time"  # the sandbox says at which market time it answered


@dataclass(frozen=True)
class HttpResponse:
    """Hold a body as received, and the source's clock when it answered, UTC epoch seconds."""

    body: bytes
    content_type: str
    answered_at: float


class Intraday(TimeSeries):  # type: ignore[misc]  # the package has no types
    """Request minute bars of TIME_SERIES_INTRADAY at any address, as JSON or CSV; no error and no log shows the key."""

    def __init__(self, key: str, address: str, datatype: str = "json") -> None:
        super().__init__(key=quote(key.strip(), safe=""), output_format=datatype)
        self.address = address.rstrip("?")
        self.session = requests.Session()
        self.redacted = Redaction(key.strip())
        self.redacted.guard_logs()
        self._response: HttpResponse | None = None

    def request(self, symbol: str, params: dict[str, str]) -> HttpResponse:
        """Return the response to one request. Raises the SourceError that the service's words mean."""
        self._response = None
        self.get_intraday(symbol=quote(symbol, safe=""), interval="1min", **params)
        if self._response is None:
            raise InvalidResponse(f"{self.address} gave no answer")
        return self._response

    def _handle_api_call(self, url: str) -> dict[str, object]:
        # the package hard-codes the service's address before the question mark
        requested_at = time.time()
        response, body = self._send(f"{self.address}?{url.partition('?')[2]}")
        if response.status_code >= 500 or response.status_code == 429:
            raise ServerError(f"{self.address} answered HTTP {response.status_code}; it may go through later")
        check(body, f"{self.address} (HTTP {response.status_code})", self.redacted)
        answered_at = float(response.headers.get(TIME_HEADER, requested_at))
        self._response = HttpResponse(body, response.headers.get("Content-Type", "application/json"), answered_at)
        return {"Meta Data": {}, "Time Series (1min)": {}}  # the package looks for both, and would read them no further

    def _send(self, url: str) -> tuple[requests.Response, bytes]:
        try:
            with self.session.get(url, timeout=TIMEOUT, stream=True) as response:
                return response, read_body(response.iter_content(CHUNK), self.address)
        except requests.RequestException as error:
            problem = unreachable(error, self.address, TIMEOUT)
        # raised out here: the caught one holds the address with the key, and must not be chained
        raise problem
