"""Alpha Vantage's minute bars, from the service itself or from the sandbox exchange, which answers alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import Retrying

from stock_ml.config import Settings
from stock_ml.errors import BadKey
from stock_ml.sources.alpha_vantage_client import Intraday
from stock_ml.sources.parsing import Received
from stock_ml.sources.retry import RETRIES

SANDBOX_KEY = "sandbox"  # the sandbox asks for a key as the service does, and takes any


def free() -> None:
    """Spend nothing: nobody counts."""


@dataclass
class AlphaVantage:
    """Ask for bars at most once every `pause` seconds; what may go through later is tried four times.

    `asked` goes with every request, and `spend` is called before it: the ledger that all who use the key share.
    Premium, bad key, bad symbol and daily limit are raised at once, as their own errors.
    """

    name: str
    client: Intraday
    pause: float = 0.0
    asked: dict[str, str] = field(default_factory=dict)
    month: dict[str, str] = field(default_factory=lambda: {"outputsize": "full", "extended_hours": "true"})
    retries: Retrying = RETRIES
    spend: Callable[[], None] = free
    _next: float = field(default=0.0, init=False)

    @classmethod
    def connect(cls, s: Settings, spend: Callable[[], None] = free) -> "AlphaVantage":
        """Return the real service. Raises BadKey where no key is set."""
        if s.alphavantage_api_key is None:
            raise BadKey(
                "source alpha_vantage needs ALPHAVANTAGE_API_KEY; or set SOURCE=yahoo, SOURCE=sandbox or SOURCE=csv"
            )
        client = Intraday(s.alphavantage_api_key.get_secret_value(), s.alphavantage_url, s.alphavantage_datatype)
        return cls("alpha_vantage", client, 60.0 / s.requests_per_minute, _always(s), _of_months(s), spend=spend)

    @classmethod
    def sandbox(cls, s: Settings) -> "AlphaVantage":
        """Return the sandbox exchange, which counts no requests."""
        client = Intraday(SANDBOX_KEY, f"{s.sandbox}/query", s.alphavantage_datatype)
        return cls("sandbox", client, 0.0, _always(s), _of_months(s))

    def fetch(self, symbol: str, month: str) -> Received:
        """Return a whole month YYYY-MM of minute bars."""
        return self._ask(symbol, month, self.month | {"month": month})

    def newest(self, symbol: str) -> Received:
        """Return the last 100 minute bars of regular hours, the one still forming included."""
        return self._ask(symbol, None, {"outputsize": "compact", "extended_hours": "false"})

    def _ask(self, symbol: str, month: str | None, asked: dict[str, str]) -> Received:
        asked = self.asked | asked
        for attempt in self.retries.copy():
            with attempt:
                self._wait()
                self.spend()
                answer = self.client.ask(symbol, asked)
        request = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "interval": "1min", **asked}
        request["datatype"] = self.client.output_format
        return Received(self.name, symbol, month, request, answer.given_at, answer.body, answer.content_type)

    def _wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self.pause


def _always(s: Settings) -> dict[str, str]:
    # as words: the package leaves out what is false
    entitled = {"entitlement": s.alphavantage_entitlement} if s.alphavantage_entitlement else {}
    return {"adjusted": _word(s.alphavantage_adjusted), **entitled}


def _of_months(s: Settings) -> dict[str, str]:
    return {"outputsize": s.alphavantage_outputsize, "extended_hours": _word(s.alphavantage_extended_hours)}


def _word(given: bool) -> str:
    return "true" if given else "false"
