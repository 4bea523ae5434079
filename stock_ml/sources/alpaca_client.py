"""The calls to Alpaca's REST service: each page as received, each refusal as the error that says what to do."""

import time
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec
import requests
from pydantic import SecretStr

from stock_ml.errors import (
    BadKey,
    BadSymbol,
    BurstLimit,
    InvalidResponse,
    PremiumEndpoint,
    ServerError,
    SourceError,
)
from stock_ml.sources.http_body import CHUNK, TIMEOUT, read_body
from stock_ml.sources.http_errors import unreachable
from stock_ml.sources.redaction import Redaction

PATH = "/v2/stocks/bars"
NO_RIGHTS = "subscription does not permit"
WRONG_KEY = "Alpaca does not accept the key: see STOCKML_ALPACA_KEY and STOCKML_ALPACA_SECRET, the pair of one account"


class Page(NamedTuple):
    """Hold a page as received, how many bars it has, and the token of the page after it, None for the last one."""

    body: bytes
    bars: int
    next_token: str | None


class _Layout(msgspec.Struct):
    bars: dict[str, list[msgspec.Raw] | None] | None
    next_page_token: str | None = None


class Bars:
    """Ask one address for pages of bars; no error shows key or secret.

    `ahead`: seconds by which this machine's clock was ahead of Alpaca's at the last response.
    """

    def __init__(self, address: str, key: SecretStr, secret: SecretStr) -> None:
        self.address = address.rstrip("/")
        self.ahead, self.now = 0.0, time.time
        self._session = requests.Session()
        self._headers = {"APCA-API-KEY-ID": key.get_secret_value(), "APCA-API-SECRET-KEY": secret.get_secret_value()}

    def request(self, params: dict[str, str]) -> Page:
        """Return one page. Raises the SourceError that any other response means."""
        response, body = self._send(params)
        self.ahead = _ahead(response, self.now())
        where = f"{self.address} (HTTP {response.status_code}) on {params['symbols']}"
        if response.status_code != requests.codes.ok:
            raise self._refusal(response.status_code, body, where)
        try:
            page = msgspec.json.decode(body, type=_Layout)
        except msgspec.DecodeError:
            start = self._redacted(body[:120])
            raise InvalidResponse(f"{where} gave no page of bars; is it the right address? {start!r}") from None
        return Page(body, sum(len(bars or ()) for bars in (page.bars or {}).values()), page.next_page_token or None)

    def _send(self, params: dict[str, str]) -> tuple[requests.Response, bytes]:
        # a redirect would take key and secret to another host
        asked: dict[str, Any] = {"timeout": TIMEOUT, "stream": True, "allow_redirects": False}
        try:
            with self._session.get(f"{self.address}{PATH}", params=params, headers=self._headers, **asked) as response:
                return response, read_body(response.iter_content(CHUNK), self.address)
        except requests.RequestException as error:
            raise unreachable(error, self.address, TIMEOUT) from None

    def _refusal(self, status: int, body: bytes, where: str) -> SourceError:
        said = self._message(body)
        if status >= 500:
            return ServerError(f"{where}: an error of Alpaca's; it may go through later. It said: {said}")
        if status == requests.codes.too_many_requests:
            return BurstLimit(f"{where}: more requests in a minute than the key's plan allows. It said: {said}")
        if NO_RIGHTS in said:
            return PremiumEndpoint(f"{where}: the key's plan does not give these bars. It said: {said}")
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return BadKey(f"{WRONG_KEY}. It said: {said}")
        if "invalid symbol" in said:
            return BadSymbol(f"Alpaca knows no such symbol. It said: {said}")
        return InvalidResponse(f"{where} gave no bars; see STOCKML_ALPACA_URL. It said: {said}")

    def _message(self, body: bytes) -> str:
        try:
            return self._redacted(str(msgspec.json.decode(body)["message"]).encode())[:300]
        except (msgspec.DecodeError, KeyError, TypeError):
            return self._redacted(body[:4096])[:120]

    def _redacted(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        for secret in self._headers.values():
            text = Redaction(secret)(text)
        return text


def _ahead(response: requests.Response, now: float) -> float:
    try:
        return now - parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return 0.0
