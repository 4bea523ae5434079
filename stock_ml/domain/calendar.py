"""Trading sessions of an exchange: when it is open, and the session and minute of a time."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadSetting

FIRST, LAST = "2000-01-01", "2035-12-31"  # Alpha Vantage begins in 2000; the library's default ends a year from today


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

    def has_day(self, ts: np.ndarray) -> np.ndarray:
        """Say of each time whether there is a session on its day, as the exchange's own time counts days, (n,)."""
        local = pd.DatetimeIndex(np.asarray(ts, np.int64).astype("datetime64[s]"), tz="UTC").tz_convert(self.zone)
        days = local.tz_localize(None).to_numpy("datetime64[D]")
        near = np.minimum(np.searchsorted(self.dates, days), len(self.dates) - 1)
        return np.asarray(self.dates[near] == days)

    def closed(self, since: float, until: float) -> dict[str, int]:
        """Return the minutes of a usual session that fell to holidays, half days and closures in a span, by date."""
        usual = int(np.median(self.closes - self.opens)) // MINUTE
        weekdays = np.bincount((self.dates.astype(int) + 3) % 7, minlength=7)  # from Monday; 1970 began on a Thursday
        mask = (2 * weekdays > weekdays.max()).tolist()
        days = np.arange(*(np.datetime64(int(t), "s").astype("datetime64[D]") for t in (since, until + 86_399)))
        days = days[np.is_busday(days, weekmask=mask)]
        near = np.minimum(np.searchsorted(self.dates, days), len(self.dates) - 1)
        lengths = np.where(self.dates[near] == days, (self.closes - self.opens)[near] // MINUTE, 0)
        return {str(day): int(usual - length) for day, length in zip(days, lengths, strict=True) if length < usual}


@dataclass(frozen=True)
class Calendars:
    """Say in which sessions a symbol is traded: those of `exchange`, or of its own in `others`, but for `closures`."""

    exchange: str
    others: tuple[tuple[str, str], ...] = ()  # symbol, exchange
    closures: tuple[str, ...] = ()

    def of(self, symbol: str) -> Sessions:
        """Return the sessions of a symbol. Raises BadSetting where exchange or closures are not known."""
        return sessions(dict(self.others).get(symbol, self.exchange), self.closures)


@cache  # each symbol needs them, and loading takes a second; 300 kB an exchange
def sessions(exchange: str, closures: tuple[str, ...] = ()) -> Sessions:
    """Load the sessions of an exchange by its ISO 10383 code, half days and holidays included.

    `closures` are days on which an exchange was closed beyond what the library knows, EXCHANGE:YYYY-MM-DD, or from a
    minute on, EXCHANGE:YYYY-MM-DDTHH:MM in the exchange's own time. Raises BadSetting where a code or a day is unknown.
    """
    import exchange_calendars  # takes a second; most importers get their sessions from a caller

    try:
        calendar = exchange_calendars.get_calendar(exchange, start=FIRST, end=LAST)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise BadSetting(f"no exchange is called {exchange!r}: set STOCKML_EXCHANGE to a code such as XNYS") from error
    opens = calendar.opens.to_numpy("datetime64[s]").astype(np.int64)
    closes = calendar.closes.to_numpy("datetime64[s]").astype(np.int64)
    dates = calendar.sessions.to_numpy().astype("datetime64[D]")
    days = [day for code, _, day in (closure.partition(":") for closure in closures) if code == exchange]
    for day in days:
        closes = _closed(day, dates, closes, str(calendar.tz))
    left = closes > opens
    dates, opens, closes = dates[left], opens[left], closes[left]
    lengths = (closes - opens) // MINUTE
    return Sessions(exchange, str(calendar.tz), dates, opens, closes, np.cumsum(lengths) - lengths)


def _closed(day: str, dates: np.ndarray, closes: np.ndarray, zone: str) -> np.ndarray:
    """Return the closes with the session of a day ended at its minute, or at its midnight: before it opened."""
    try:
        end = pd.Timestamp(day).tz_localize(zone)
        at = int(np.flatnonzero(dates == np.datetime64(day[:10]))[0])
    except (ValueError, IndexError) as error:
        raise BadSetting(f"STOCKML_CLOSURES: {day!r:.40} is no session that could be closed") from error
    return np.where(np.arange(len(dates)) == at, np.minimum(closes, int(end.timestamp())), closes)
