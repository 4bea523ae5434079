"""Trading sessions and minutes of an exchange: when it is open, and which minute of which session a time is."""

from dataclasses import dataclass
from functools import lru_cache

import exchange_calendars
import numpy as np

from stock_ml.bars import MINUTE
from stock_ml.errors import BadSetting

FIRST, LAST = "2000-01-01", "2035-12-31"  # Alpha Vantage begins in 2000; the library ends a year from today unless told


@dataclass(frozen=True, eq=False)
class Sessions:
    """Hold the sessions of one exchange: `opens`, `closes` in UTC epoch seconds, `dates` as datetime64[D], all (n,)."""

    exchange: str
    zone: str
    dates: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    before: np.ndarray  # trading minutes of all earlier sessions

    def number(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's session number, -1 outside regular hours; times in UTC epoch seconds, (n,)."""
        ts = np.asarray(ts, dtype=np.int64)
        at = np.searchsorted(self.opens, ts, side="right") - 1
        return np.where((at >= 0) & (ts < self.closes[at]), at, -1)

    def minute(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's minute of its session from 0, -1 outside regular hours."""
        number = self.number(ts)
        return np.where(number >= 0, (ts - self.opens[number]) // MINUTE, -1)

    def index(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's trading minute counted over all sessions without closed hours, -1 outside them."""
        number = self.number(ts)
        return np.where(number >= 0, self.before[number] + (ts - self.opens[number]) // MINUTE, -1)

    def upcoming(self, ts: float) -> int:
        """Return the number of the session that is open at `ts`, or the next one."""
        return int(np.searchsorted(self.closes, ts, side="right"))


@lru_cache(maxsize=8)
def sessions(exchange: str) -> Sessions:
    """Load the sessions of an exchange by its ISO 10383 code, half days and holidays included.

    Raises BadSetting where the code is unknown.
    """
    try:
        calendar = exchange_calendars.get_calendar(exchange, start=FIRST, end=LAST)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise BadSetting(f"no exchange is called {exchange!r}: set STOCKML_EXCHANGE to a code such as XNYS") from error
    opens = calendar.opens.to_numpy("datetime64[s]").astype(np.int64)
    closes = calendar.closes.to_numpy("datetime64[s]").astype(np.int64)
    lengths = (closes - opens) // MINUTE
    dates = calendar.sessions.to_numpy().astype("datetime64[D]")
    return Sessions(exchange, str(calendar.tz), dates, opens, closes, np.cumsum(lengths) - lengths)
