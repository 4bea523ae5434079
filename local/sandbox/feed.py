"""What the sandbox shows at a moment: bars that are known, and the one still forming, as real feeds do."""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from local.sandbox.market import Day, Market
from local.sandbox.placed import Placed
from stock_ml.bars import MINUTE, utc

COMPACT, TRAILING_DAYS = 100, 30


@dataclass(frozen=True)
class Feed:
    """Cut the simulated market at `now` (UTC epoch seconds); bars put in by hand take a simulated one's place."""

    market: Market
    placed: Placed

    def newest(self, symbol: str, now: float, extended: bool, count: int = COMPACT) -> Day:
        """Return the last `count` bars begun by `now`, ascending."""
        number = self._last(now)
        days: list[Day] = []
        while number >= 0 and sum(len(day.ts) for day in days) < count:
            days.insert(0, self._day(symbol, number, now, extended))
            number -= 1
        whole = _joined(days)
        return Day(whole.ts[-count:], whole.values[-count:])

    def month(self, symbol: str, month: str, now: float, extended: bool) -> Day:
        """Return all bars of a month YYYY-MM begun by `now`, ascending."""
        dates = self.market.sessions.dates
        first = np.datetime64(month, "M")
        numbers = range(*np.searchsorted(dates, [first.astype("M8[D]"), (first + 1).astype("M8[D]")]))
        return self._days(symbol, numbers, now, extended)

    def trailing(self, symbol: str, now: float, extended: bool) -> Day:
        """Return the bars of the last 30 days begun by `now`, ascending."""
        last = self._last(now)
        dates = self.market.sessions.dates
        first = int(np.searchsorted(dates, dates[last] - TRAILING_DAYS))
        return self._days(symbol, range(first, last + 1), now, extended)

    def stamps(self, ts: np.ndarray) -> list[str]:
        """Return bar opens as labels in the exchange's time; all of one session have one offset from UTC."""
        zone = ZoneInfo(self.market.sessions.zone)
        days, of = np.unique(ts // 86_400, return_inverse=True)
        offsets = [utc(day * 86_400 + 64_800).astimezone(zone).utcoffset() for day in days.tolist()]
        seconds = np.array([offset.total_seconds() if offset else 0 for offset in offsets], dtype=np.int64)
        local = (ts + seconds[of] if len(ts) else ts).astype("M8[s]")
        return [text.replace("T", " ") for text in np.datetime_as_string(local).tolist()]

    def _days(self, symbol: str, numbers: Iterable[int], now: float, extended: bool) -> Day:
        last = self._last(now)
        return _joined([self._day(symbol, n, now, extended) for n in numbers if n <= last])

    def _last(self, now: float) -> int:
        # extended hours begin before the open: the session that comes next may have bars already
        calendar = self.market.sessions
        return int(np.searchsorted(calendar.opens - 12 * 3600, now, side="right")) - 1

    def _day(self, symbol: str, number: int, now: float, extended: bool) -> Day:
        day = self.placed.over(symbol, self.market.day(symbol, number), self._edges(number))
        shown = day.ts <= now
        if not extended:
            shown &= self.market.sessions.number(day.ts) >= 0
        return _forming(Day(day.ts[shown], day.values[shown]), now)

    def _edges(self, number: int) -> tuple[int, int]:
        calendar = self.market.sessions
        return int(calendar.opens[number]) - 12 * 3600, int(calendar.opens[number]) + 12 * 3600


def _joined(days: list[Day]) -> Day:
    empty = Day(np.zeros(0, np.int64), np.zeros((0, 5)))
    days = [empty, *days]
    return Day(np.concatenate([day.ts for day in days]), np.concatenate([day.values for day in days]))


def _forming(day: Day, now: float) -> Day:
    """Replace a last bar that is not over by what has been seen of it."""
    if not len(day.ts) or day.ts[-1] + MINUTE <= now:
        return day
    share = (now - float(day.ts[-1])) / MINUTE
    first, high, low, last, volume = day.values[-1]
    close = round(first + share * (last - first), 2)
    seen = [first, min(high, max(first, close)), max(low, min(first, close)), close, np.ceil(share * volume)]
    return Day(day.ts, np.vstack([day.values[:-1], seen]))
