"""Minute bars of Alpha Vantage, from the service or from the sandbox exchange, which has the same API."""

import time
from dataclasses import dataclass, field

from tenacity import Retrying

from stock_ml.config import Settings
from stock_ml.errors import BadKey
from stock_ml.sources.alpha_vantage_client import Intraday
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import RequestLimiter, no_limit
from stock_ml.sources.retry import RETRIES

SANDBOX_KEY = "sandbox"  # the sandbox requires a key as the service does, and accepts any


@dataclass
class AlphaVantage:
    """Request bars at most once every `pause` seconds; what may go through later is tried four times.

    `params` goes with every request, and `limiter` is called before it: all who use the key share its quota.
    Premium, bad key, bad symbol and daily limit are raised at once, as their own errors.
    """

    name: str
    client: Intraday
    pause: float = 0.0
    params: dict[str, str] = field(default_factory=dict)
    month: dict[str, str] = field(default_factory=lambda: {"outputsize": "full", "extended_hours": "true"})
    retries: Retrying = RETRIES
    limiter: RequestLimiter = no_limit
    _next: float = field(default=0.0, init=False)

    @classmethod
    def connect(cls, s: Settings, limiter: RequestLimiter = no_limit) -> "AlphaVantage":
        """Return the real service. Raises BadKey where no key is set."""
        if s.alphavantage_api_key is None:
            raise BadKey(
                "source alpha_vantage needs ALPHAVANTAGE_API_KEY; or set SOURCE=yahoo, SOURCE=sandbox or SOURCE=csv"
            )
        client = Intraday(s.alphavantage_api_key.get_secret_value(), s.alphavantage_url, s.alphavantage_datatype)
        pause = 60.0 / s.requests_per_minute
        return cls("alpha_vantage", client, pause, _common_params(s), _month_params(s), limiter=limiter)

    @classmethod
    def sandbox(cls, s: Settings) -> "AlphaVantage":
        """Return the sandbox exchange, which counts no requests."""
        client = Intraday(SANDBOX_KEY, f"{s.sandbox}/query", s.alphavantage_datatype)
        return cls("sandbox", client, 0.0, _common_params(s), _month_params(s))

    def fetch(self, symbol: str, month: str) -> Response:
        """Return a whole month YYYY-MM of minute bars."""
        return self._request(symbol, month, self.month | {"month": month})

    def newest(self, symbol: str) -> Response:
        """Return the last 100 minute bars of regular hours, the one still forming included."""
        return self._request(symbol, None, {"outputsize": "compact", "extended_hours": "false"})

    def _request(self, symbol: str, month: str | None, params: dict[str, str]) -> Response:
        params = self.params | params
        for attempt in self.retries.copy():
            with attempt:
                self._wait()
                self.limiter()
                response = self.client.request(symbol, params)
        request = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "interval": "1min", **params}
        request["datatype"] = self.client.output_format
        return Response(self.name, symbol, month, request, response.answered_at, response.body, response.content_type)

    def _wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self.pause


def _common_params(s: Settings) -> dict[str, str]:
    # as words: the package leaves out what is false
    entitled = {"entitlement": s.alphavantage_entitlement} if s.alphavantage_entitlement else {}
    return {"adjusted": _word(s.alphavantage_adjusted), **entitled}


def _month_params(s: Settings) -> dict[str, str]:
    return {"outputsize": s.alphavantage_outputsize, "extended_hours": _word(s.alphavantage_extended_hours)}


def _word(value: bool) -> str:
    return "true" if value else "false"
