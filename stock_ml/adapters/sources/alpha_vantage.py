"""Alpha Vantage's minute bars, from the service itself or from the sandbox exchange, which answers alike."""

import time
from dataclasses import dataclass, field

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from stock_ml.adapters.sources.intraday import Intraday
from stock_ml.config import Settings
from stock_ml.errors import BadKey, BurstLimit, SourceUnavailable
from stock_ml.received import Received

SANDBOX_KEY = "sandbox"  # the sandbox asks for a key as the service does, and takes any
RETRIES = Retrying(
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(initial=1, max=8),
    retry=retry_if_exception_type((BurstLimit, SourceUnavailable)),
    reraise=True,
)


@dataclass
class AlphaVantage:
    """Ask for bars at most once every `pause` seconds; what may go through later is tried four times.

    Premium, bad key, bad symbol and daily limit are raised at once, as their own errors.
    """

    name: str
    client: Intraday
    pause: float = 0.0
    retries: Retrying = RETRIES
    _next: float = field(default=0.0, init=False)

    @classmethod
    def connect(cls, s: Settings) -> "AlphaVantage":
        """Return the real service. Raises BadKey where no key is set."""
        if s.alphavantage_api_key is None:
            raise BadKey("source alpha_vantage needs ALPHAVANTAGE_API_KEY; or set SOURCE=sandbox, or a csv file")
        client = Intraday(s.alphavantage_api_key.get_secret_value(), s.alphavantage_url)
        return cls("alpha_vantage", client, 60.0 / s.requests_per_minute)

    @classmethod
    def sandbox(cls, s: Settings) -> "AlphaVantage":
        """Return the sandbox exchange."""
        return cls("sandbox", Intraday(SANDBOX_KEY, f"{s.sandbox}/query"))

    def fetch(self, symbol: str, month: str) -> Received:
        """Return a whole month YYYY-MM of minute bars, extended hours included."""
        return self._ask(symbol, month, {"outputsize": "full", "month": month, "extended_hours": "true"})

    def newest(self, symbol: str) -> Received:
        """Return the last 100 minute bars of regular hours, the one still forming included."""
        return self._ask(symbol, None, {"outputsize": "compact", "extended_hours": "false"})

    def _ask(self, symbol: str, month: str | None, asked: dict[str, str]) -> Received:
        for attempt in self.retries.copy():
            with attempt:
                self._wait()
                answer = self.client.ask(symbol, asked)
        request = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "interval": "1min", **asked}
        return Received(self.name, symbol, month, request, answer.given_at, answer.body, answer.content_type)

    def _wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self.pause
