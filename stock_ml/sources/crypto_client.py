"""The requests to an exchange of coins: each answer as received, each refusal as the error that says what to do."""

from dataclasses import dataclass, field

import orjson
import requests

from stock_ml.errors import BadFile, EmptyResponse, InvalidResponse
from stock_ml.sources.crypto_exchanges import Exchange, refusal
from stock_ml.sources.http_body import CHUNK, TIMEOUT, read_body
from stock_ml.sources.http_errors import unreachable
from stock_ml.sources.parsing.crypto_candles import rows_of_answer
from stock_ml.sources.plugin import RequestLimiter, no_limit


@dataclass
class Candles:
    """Ask one address for the candles of a market."""

    exchange: Exchange
    address: str
    limiter: RequestLimiter = no_limit
    session: requests.Session = field(default_factory=requests.Session)

    def request(self, market: str, start: int, end: int) -> tuple[bytes, int]:
        """Return an answer as received, and how many candles are in it. Raises the SourceError that any other means."""
        path, params = self.exchange.request(market, start, end)
        self.limiter()
        status, body = self._send(f"{self.address}{path}", params)
        where = f"{self.address} (HTTP {status}) on {market}"
        if status != requests.codes.ok:
            raise refusal(self.exchange, status, body[:300].decode("utf-8", "replace"))
        return body, self._count(body, where)

    def _send(self, url: str, params: dict[str, str]) -> tuple[int, bytes]:
        try:
            with self.session.get(url, params=params, timeout=TIMEOUT, stream=True) as response:
                return response.status_code, read_body(response.iter_content(CHUNK), self.address)
        except requests.RequestException as error:
            raise unreachable(error, self.address, TIMEOUT) from None

    def _count(self, body: bytes, where: str) -> int:
        if not body:
            raise EmptyResponse(f"{where} answered with nothing; it may go through later")
        try:
            answer = orjson.loads(body)
            if isinstance(answer, dict) and answer.get("error"):  # Kraken refuses with HTTP 200
                raise refusal(self.exchange, requests.codes.ok, str(answer["error"]))
            return sum(1 for _ in rows_of_answer(answer, where))
        except orjson.JSONDecodeError:
            start = body[:120].decode("utf-8", "replace")
            raise InvalidResponse(f"{where} answered without JSON; is it the right address? {start!r}") from None
        except BadFile as error:
            raise InvalidResponse(f"{error}; is it the exchange of STOCKML_CRYPTO_EXCHANGE?") from None
