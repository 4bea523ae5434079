"""Trading sessions of an exchange: when it is open, and the session and minute of a time.

A trading period is a time in which the exchange is open without interruption. Usually it is a session. A lunch break
parts a session into two periods, and sessions that touch, as those of 24/7 do, are one period.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE, utc
from stock_ml.errors import BadSetting, UnknownSessions

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

FIRST, LAST = "2000-01-01", "2035-12-31"  # Alpha Vantage begins in 2000; the library's default ends a year from today
AHEAD = 60 * 86_400  # seconds of sessions that should be known ahead
# exchange-calendars says nowhere when it was released: this is when the pinned version was uploaded to PyPI
RELEASE, RELEASED = "4.13.2", np.datetime64("2026-03-10")
OLD = np.timedelta64(365, "D")  # exchanges announce their holidays about a year ahead
UPDATE = "update exchange-calendars (`git pull`, then `make up`)"
# exchanges without a calendar of their own in the library, by the one whose sessions they share
SHARED = {"XNSE": "XBOM", "XSHE": "XSHG", "US_FUTURES": "us_futures"}


class Periods(NamedTuple):
    """Hold when the trading periods of an exchange open and close, in UTC epoch seconds, (q,) each."""

    opens: np.ndarray
    closes: np.ndarray


class Parts(NamedTuple):
    """Hold the parts of sessions without a break, (p,) each: a whole session, or what lies on a side of its break.

    `opens` and `closes` in UTC epoch seconds, the numbers of the `session` and the `period`, and the trading minutes
    `before` all of them.
    """

    opens: np.ndarray
    closes: np.ndarray
    session: np.ndarray
    period: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, opens: np.ndarray, closes: np.ndarray, breaks: tuple[np.ndarray, np.ndarray]) -> "Parts":
        """Return the parts of sessions, (n,); a session without a break has one that begins and ends at its close."""
        starts = np.column_stack([opens, breaks[1]]).ravel()
        ends = np.column_stack([np.minimum(breaks[0], closes), closes]).ravel()
        left = ends > starts
        starts, ends, session = starts[left], ends[left], np.repeat(np.arange(len(opens)), 2)[left]
        minutes = (ends - starts) // MINUTE
        period = np.cumsum(np.append(0, starts[1:] != ends[:-1]))
        return cls(starts, ends, session, period, np.cumsum(minutes) - minutes)


@dataclass(frozen=True, eq=False)
class Sessions:
    """Hold the sessions of one exchange: `opens`, `closes` in UTC epoch seconds, `dates` as datetime64[D], all (n,).

    `parts` say when it is open within them.
    """

    exchange: str
    zone: str
    dates: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    parts: Parts

    @cached_property
    def before(self) -> np.ndarray:
        """Return the trading minutes of all earlier sessions, (n,)."""
        return self.parts.before[np.searchsorted(self.parts.session, np.arange(len(self.dates)))]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return the trading minutes of each session, (n,), without its break."""
        return np.asarray(np.diff(self.before, append=self.trading_minutes(self.closes[-1:])))

    @cached_property
    def periods(self) -> Periods:
        """Return the trading periods."""
        first = np.searchsorted(self.parts.period, np.arange(self.parts.period[-1] + 1))
        return Periods(self.parts.opens[first], self.parts.closes[np.append(first[1:], len(self.parts.opens)) - 1])

    @property
    def is_plain(self) -> bool:
        """Say whether each session is one trading period: none has a break, and none touches the next one."""
        return len(self.parts.opens) == len(self.opens) == len(self.periods.opens)

    @property
    def is_continuous(self) -> bool:
        """Say whether sessions touch, as of a market that trades around the clock."""
        return len(self.periods.opens) < len(self.opens)

    def number(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's session number, -1 outside regular hours; times in UTC epoch seconds, (n,)."""
        return np.asarray(self._sessions[self._part(ts)])

    def period(self, ts: np.ndarray) -> np.ndarray:
        """Return the number of each time's trading period, -1 outside regular hours."""
        return np.asarray(self._periods[self._part(ts)])

    def minute(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's trading minute of its session from 0, -1 outside regular hours."""
        at = self._part(ts)
        since = self.parts.before[at] - self.before[self.parts.session[at]]
        return np.where(at >= 0, since + (ts - self.parts.opens[at]) // MINUTE, -1)

    def index(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's trading minute counted over all sessions without closed hours, -1 outside them."""
        at = self._part(ts)
        return np.where(at >= 0, self.parts.before[at] + (ts - self.parts.opens[at]) // MINUTE, -1)

    def time(self, index: np.ndarray) -> np.ndarray:
        """Return when trading minutes begin that are counted as `index` counts them, in UTC epoch seconds, (n,)."""
        at = np.searchsorted(self.parts.before, index, side="right") - 1
        return np.asarray(self.parts.opens[at] + (index - self.parts.before[at]) * MINUTE)

    def trading_minutes(self, ts: np.ndarray) -> np.ndarray:
        """Return how many trading minutes of all sessions are over at each time, (n,)."""
        at = np.maximum(np.searchsorted(self.parts.opens, ts, side="right") - 1, 0)
        since = np.clip(ts - self.parts.opens[at], 0, self.parts.closes[at] - self.parts.opens[at])
        return np.asarray(self.parts.before[at] + since.astype(np.int64) // MINUTE)

    def ended(self, ts: float) -> int:
        """Return how many sessions have closed by a time."""
        return int(np.searchsorted(self.closes, ts, side="right"))

    def upcoming(self, ts: float) -> int:
        """Return the number of the session that is open at `ts`, or the next one.

        Raises UnknownSessions after the last one that is known.
        """
        if self.is_over(ts):
            raise self.unknown(f"{utc(ts):%Y-%m-%d %H:%M} UTC")
        return self.ended(ts)

    def change(self, ts: float) -> tuple[bool, int | None]:
        """Say whether the exchange is open at a time, and when that changes next, None where no change is known.

        Times in UTC epoch seconds. Raises UnknownSessions after the last session that is known.
        """
        self.upcoming(ts)
        at = int(np.searchsorted(self.periods.closes, ts, side="right"))
        if ts < self.periods.opens[at]:
            return False, int(self.periods.opens[at])
        return True, int(self.periods.closes[at]) if at + 1 < len(self.periods.closes) else None

    def end_warning(self, now: float) -> str | None:
        """Return that the calendar ends soon after `now` (UTC epoch seconds), None where it does not."""
        if self.closes[-1] >= now + AHEAD:
            return None
        return f"the sessions of {self.exchange} are known until {self.dates[-1]} only"

    def is_over(self, ts: float) -> bool:
        """Say whether no session from a time on is known, UTC epoch seconds: the calendar ends before."""
        return bool(ts >= self.closes[-1])

    def unknown(self, what: str) -> UnknownSessions:
        """Return the error for a time or a month, given in words, that lies outside of the sessions known."""
        known = f"the sessions of {self.exchange} are known from {self.dates[0]} to {self.dates[-1]}, not {what}"
        return UnknownSessions(
            f"{known}: for later ones {UPDATE}; earlier ones cannot be used, "
            "see STOCKML_HISTORY_MONTHS and STOCKML_SANDBOX_START"
        )

    def has_day(self, ts: np.ndarray) -> np.ndarray:
        """Say of each time whether there is a session on its day, as the exchange's own time counts days, (n,)."""
        days = self.days(ts)
        near = np.minimum(np.searchsorted(self.dates, days), len(self.dates) - 1)
        return np.asarray(self.dates[near] == days)

    def days(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's day in the exchange's own time, datetime64[D], (n,)."""
        return np.asarray(self._local(ts).astype("datetime64[D]"))

    @cached_property
    def lead(self) -> int:
        """Return how many seconds before its date sessions open at the earliest, in the exchange's own time, or 0.

        Sessions of American futures open on the evening before.
        """
        return max(int((self.dates - self._local(self.opens)).max() / np.timedelta64(1, "s")), 0)

    def session_days(self, ts: np.ndarray) -> np.ndarray:
        """Return each time's day as sessions are dated, datetime64[D], (n,): an evening may belong to the next day."""
        return self.days(ts + self.lead)

    def closed(self, since: float, until: float) -> dict[str, int]:
        """Return the minutes of a usual session that fell to holidays, half days and closures in a span, by date."""
        usual = int(np.median(self.lengths))
        weekdays = np.bincount((self.dates.astype(int) + 3) % 7, minlength=7)  # from Monday; 1970 began on a Thursday
        mask = (2 * weekdays > weekdays.max()).tolist()
        days = np.arange(*(np.datetime64(int(t), "s").astype("datetime64[D]") for t in (since, until + 86_399)))
        days = days[np.is_busday(days, weekmask=mask)]
        near = np.minimum(np.searchsorted(self.dates, days), len(self.dates) - 1)
        lengths = np.where(self.dates[near] == days, self.lengths[near], 0)
        return {str(day): int(usual - length) for day, length in zip(days, lengths, strict=True) if length < usual}

    def _local(self, ts: np.ndarray) -> np.ndarray:
        """Return times in the exchange's own time, datetime64[s], (n,)."""
        local = pd.DatetimeIndex(np.asarray(ts, np.int64).astype("datetime64[s]"), tz="UTC").tz_convert(self.zone)
        return np.asarray(local.tz_localize(None).to_numpy("datetime64[s]"))

    @cached_property
    def _sessions(self) -> np.ndarray:
        """Return the session of each part, and -1 after them: at the place that stands for closed hours."""
        return np.append(self.parts.session, -1)

    @cached_property
    def _periods(self) -> np.ndarray:
        """Return the trading period of each part, and -1 after them."""
        return np.append(self.parts.period, -1)

    def _part(self, ts: np.ndarray) -> np.ndarray:
        """Return the place of each time among the parts, -1 outside of them."""
        ts = np.asarray(ts, dtype=np.int64)
        at = np.searchsorted(self.parts.opens, ts, side="right") - 1
        return np.where((at >= 0) & (ts < self.parts.closes[at]), at, -1)


def end_fault(now: float, calendars: Iterable[Sessions]) -> str | None:
    """Return which calendars end before `now` (UTC epoch seconds), so that their symbols wait; None where none does."""
    over = [f"{each.exchange} until {each.dates[-1]}" for each in calendars if each.is_over(now)]
    return f"sessions are known of {', '.join(over)} only, so these symbols wait: {UPDATE}" if over else None


def release_warning(installed: str, now: float) -> str | None:
    """Return that the installed version of exchange-calendars is more than a year old at `now` (UTC epoch seconds).

    None where it is not, and where another version than the pinned one is installed: its date is not known.
    """
    if installed != RELEASE or np.datetime64(int(now), "s") - RELEASED <= OLD:
        return None
    return f"exchange-calendars {installed} is of {RELEASED}: it lacks closures that were announced since"


@dataclass(frozen=True)
class Calendars:
    """Say in which sessions a symbol is traded: those of `exchange`, or of its own in `others`, but for `closures`."""

    exchange: str
    others: tuple[tuple[str, str], ...] = ()  # symbol, exchange
    closures: tuple[str, ...] = ()

    def of(self, symbol: str) -> Sessions:
        """Return the sessions of a symbol. Raises BadSetting where exchange or closures are not known."""
        return sessions(dict(self.others).get(symbol, self.exchange), self.closures)


def sessions(exchange: str, closures: tuple[str, ...] = ()) -> Sessions:
    """Load the sessions of an exchange by its ISO 10383 code, half days and holidays included.

    `closures` are days on which an exchange was closed beyond what the library knows, EXCHANGE:YYYY-MM-DD, or from a
    minute on, EXCHANGE:YYYY-MM-DDTHH:MM in the exchange's own time. Raises BadSetting where a code or a day is unknown.
    """
    parts = (closure.partition(":") for closure in closures)
    return _sessions(exchange, tuple(day for code, _, day in parts if code == exchange))


@cache  # each symbol needs them, and loading takes a second; 1 MB an exchange
def _sessions(exchange: str, closed: tuple[str, ...]) -> Sessions:
    if exchange in SHARED:
        return replace(_sessions(SHARED[exchange], closed), exchange=exchange)
    calendar = _load(exchange)
    zone, dates = str(calendar.tz), calendar.sessions.to_numpy().astype("datetime64[D]")
    opens, closes = _seconds(calendar.opens), _seconds(calendar.closes)
    for day in closed:
        closes = _closed(day, dates, closes, zone)
    starts, ends = _breaks(calendar, closes)
    closes = np.where(closes > ends, closes, starts)
    left = closes > opens
    parts = Parts.of(opens[left], closes[left], (starts[left], ends[left]))
    return Sessions(exchange, zone, dates[left], opens[left], closes[left], parts)


def _seconds(stamps: pd.Series) -> np.ndarray:
    return stamps.to_numpy("datetime64[s]").astype(np.int64)


def _breaks(calendar: "ExchangeCalendar", closes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when the breaks of sessions begin and end, (n,) each: both at the close where none is before it."""
    starts, ends = _seconds(calendar.break_starts), _seconds(calendar.break_ends)
    has_break = calendar.break_starts.notna().to_numpy() & (closes > starts)
    return np.where(has_break, starts, closes), np.where(has_break, ends, closes)


def _load(exchange: str) -> "ExchangeCalendar":
    """Return the library's calendar of an exchange, as far as it knows its sessions."""
    import exchange_calendars  # takes a second; most importers get their sessions from a caller

    try:
        return exchange_calendars.get_calendar(exchange, start=FIRST, end=LAST)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise BadSetting(f"no exchange is called {exchange!r}: set STOCKML_EXCHANGE to a code such as XNYS") from error
    except ValueError:  # some exchanges announce their holidays a year at a time
        known = exchange_calendars.get_calendar(exchange, start=RELEASED - OLD, end=RELEASED)
    first, last = known.bound_min(), known.bound_max()
    start = pd.Timestamp(FIRST) if first is None else max(pd.Timestamp(FIRST), first)
    end = pd.Timestamp(LAST) if last is None else min(pd.Timestamp(LAST), last)
    return exchange_calendars.get_calendar(exchange, start=start, end=end)


def _closed(day: str, dates: np.ndarray, closes: np.ndarray, zone: str) -> np.ndarray:
    """Return the closes with the session of a day ended at its minute, or at its midnight: before it opened."""
    try:
        end = pd.Timestamp(day).tz_localize(zone)
        at = int(np.flatnonzero(dates == np.datetime64(day[:10]))[0])
    except (ValueError, IndexError) as error:
        raise BadSetting(f"STOCKML_CLOSURES: {day!r:.40} is no session that could be closed") from error
    return np.where(np.arange(len(dates)) == at, np.minimum(closes, int(end.timestamp())), closes)
