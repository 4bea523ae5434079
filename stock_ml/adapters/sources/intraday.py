"""The call itself: the `alpha_vantage` package builds it, our own session sends it, and the body is kept as it came."""

import logging
import time
from dataclasses import dataclass
from urllib.parse import quote

import orjson
import requests
from alpha_vantage.timeseries import TimeSeries

from stock_ml.adapters.sources.refusals import refusal
from stock_ml.errors import NotAnAnswer, SourceUnavailable

TIMEOUT = 10.0
SERIES = "Time Series (1min)"
TIME_HEADER = "X-Market-Time"  # the sandbox says at which market time it answered


@dataclass(frozen=True)
class Answer:
    """Hold a body as received and the source's clock when it was given, UTC epoch seconds."""

    body: bytes
    content_type: str
    given_at: float


class Intraday(TimeSeries):  # type: ignore[misc]  # the package has no types
    """Ask TIME_SERIES_INTRADAY for minute bars at any address; no error shows the key."""

    def __init__(self, key: str, address: str) -> None:
        super().__init__(key=key, output_format="json")
        self.address = address.rstrip("?")
        self.session = requests.Session()
        self._answer: Answer | None = None
        logging.getLogger("urllib3.connectionpool").addFilter(self._hide)  # it logs addresses when debugging

    def ask(self, symbol: str, asked: dict[str, str]) -> Answer:
        """Return the answer to one request. Raises the SourceError that the service's words mean."""
        self._answer = None
        self.get_intraday(symbol=quote(symbol), interval="1min", **asked)
        if self._answer is None:
            raise NotAnAnswer(f"{self.address} gave no answer")
        return self._answer

    def redacted(self, text: str) -> str:
        """Return a text without the key."""
        return text.replace(self.key, "***").replace(quote(self.key), "***")

    def _handle_api_call(self, url: str) -> dict[str, object]:
        # the package hard-codes the service's address before the question mark
        asked_at = time.time()
        response = self._send(f"{self.address}?{url.partition('?')[2]}")
        if response.status_code >= 500 or response.status_code == 429:
            raise SourceUnavailable(f"{self.address} answered HTTP {response.status_code}; it may go through later")
        found = self._read(response)
        given_at = float(response.headers.get(TIME_HEADER, asked_at))
        self._answer = Answer(response.content, response.headers.get("Content-Type", "application/json"), given_at)
        return {"Meta Data": {}, **found}  # the package looks for both keys

    def _send(self, url: str) -> requests.Response:
        problem = "cannot be reached"
        try:
            return self.session.get(url, timeout=TIMEOUT)
        except requests.Timeout:
            problem = f"did not answer within {TIMEOUT:.0f} s"
        except requests.RequestException as error:
            problem = f"cannot be reached ({type(error).__name__})"
        # raised out here: the caught one holds the address with the key, and must not be chained
        raise SourceUnavailable(f"{self.address} {problem}; see that it runs and that the network is up")

    def _read(self, response: requests.Response) -> dict[str, object]:
        try:
            found = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            text = self.redacted(response.text[:120])
            raise NotAnAnswer(f"{self.address} answered HTTP {response.status_code}, no JSON object: {text!r}")
        if SERIES not in found:
            raise refusal(found, self.address, self.redacted)
        return found

    def _hide(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.redacted(record.getMessage()), ()
        return True
