"""What "now" is in the market: the wall's time, or the sandbox exchange's over HTTP."""

import time
from dataclasses import dataclass, field

import requests

from stock_ml.config import Settings
from stock_ml.domain.calendar import sessions
from stock_ml.domain.clock import Clock, Reading, WallClock
from stock_ml.errors import SourceUnavailable

FRESH = 1.0  # seconds for which a reading is used on
TIMEOUT = 2.0


@dataclass
class MarketClock:
    """Read the sandbox's clock, at most once a second; in between it runs on from the last reading.

    Just after a pause it may therefore be up to a second (of wall time) ahead.
    """

    address: str
    exchange: str = "XNYS"
    _reading: Reading | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)
    _session: requests.Session = field(default_factory=requests.Session, init=False, repr=False)

    @classmethod
    def connect(cls, s: Settings) -> "MarketClock":
        """Return the clock of the settings' sandbox; nothing is sent yet."""
        return cls(s.sandbox, s.exchange)

    def now(self) -> float:
        """Return the market's time, UTC epoch seconds.

        Raises SourceUnavailable where the sandbox is down: its clock stops then, and must not run on here.
        """
        return self.reading().at(time.time(), sessions(self.exchange))

    def reading(self) -> Reading:
        """Return the last reading, or a new one where it is a second old."""
        if self._reading is None or time.monotonic() - self._read_at >= FRESH:
            self._reading, self._read_at = None, time.monotonic()
            self._reading = self._request()
        return self._reading

    def _request(self) -> Reading:
        try:
            response = self._session.get(f"{self.address}/clock", timeout=TIMEOUT)
            response.raise_for_status()
            return Reading(**response.json())
        except (requests.RequestException, TypeError) as error:
            reason = type(error).__name__
            raise SourceUnavailable(
                f"the sandbox's clock at {self.address} does not answer ({reason}): see that it runs"
            ) from error


def open_clock(s: Settings) -> Clock:
    """Return the clock by which the market's sessions and months end: the exchange's own where it is simulated."""
    return MarketClock.connect(s) if s.simulated else WallClock()
