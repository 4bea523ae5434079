"""What the sandbox shows at a moment: bars that are known, and the one still forming, as real feeds do."""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from sandbox.exchange.corrections import first_shown
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.market import Day, Market, auction
from sandbox.market.auction import Auction
from sandbox.market.calendar import day_of
from sandbox.market.splits import Splits, splits
from stock_ml.domain.bars import MINUTE, utc

COMPACT, TRAILING_DAYS = 100, 30
AROUND = 12 * 3600  # seconds before a session's open from which on its extended hours may have bars


@dataclass(frozen=True)
class FeedQuery:
    """Name a symbol and a time (UTC epoch seconds), with extended hours or not, adjusted for splits or not."""

    symbol: str
    now: float
    extended: bool = False
    adjusted: bool = True


@dataclass(frozen=True)
class Feed:
    """Cut the simulated market at the moment of a query; injected bars take a simulated one's place.

    `auction` says how the price of the closing auction is shown.
    """

    market: Market
    injected: InjectedBars
    auction: Auction = "off"
    corrected: float = 0.0  # share of minutes whose first values are corrected later

    def newest(self, query: FeedQuery, count: int = COMPACT) -> Day:
        """Return the last `count` bars begun by then, ascending; some of the newest as they are shown first."""
        number = self.last(query.now)
        days: list[Day] = []
        while number >= 0 and sum(len(day.ts) for day in days) < count:
            days.insert(0, self._day(query, number))
            number -= 1
        whole = _joined(days)
        cut = Day(whole.ts[-count:], whole.values[-count:])
        return first_shown(cut, query.symbol, query.now, self.market.seed, self.corrected)

    def month(self, query: FeedQuery, month: str) -> Day:
        """Return all bars of a month YYYY-MM begun by then, ascending."""
        first = np.datetime64(month, "M")
        days = [first.astype("M8[D]"), (first + 1).astype("M8[D]")]
        return self._days(query, range(*np.searchsorted(self.market.sessions.dates, days)))

    def trailing(self, query: FeedQuery) -> Day:
        """Return the bars of the last 30 days begun by then, ascending."""
        last, dates = self.last(query.now), self.market.sessions.dates
        first = int(np.searchsorted(dates, dates[last] - TRAILING_DAYS))
        return self._days(query, range(first, last + 1))

    def splits(self, symbol: str) -> Splits:
        """Return all splits of a symbol, those to come included."""
        return splits(self.market.seed, symbol)

    def stamps(self, ts: np.ndarray) -> list[str]:
        """Return bar opens as labels in the exchange's time; all of one session have one offset from UTC."""
        zone = ZoneInfo(self.market.sessions.zone)
        days, of = np.unique(ts // 86_400, return_inverse=True)
        offsets = [utc(day * 86_400 + 64_800).astimezone(zone).utcoffset() for day in days.tolist()]
        seconds = np.array([offset.total_seconds() if offset else 0 for offset in offsets], dtype=np.int64)
        local = (ts + seconds[of] if len(ts) else ts).astype("M8[s]")
        return [text.replace("T", " ") for text in np.datetime_as_string(local).tolist()]

    def last(self, now: float) -> int:
        """Return the number of the newest session that may have bars: extended hours begin before the open."""
        return int(np.searchsorted(self.market.sessions.opens - AROUND, now, side="right")) - 1

    def _days(self, query: FeedQuery, numbers: Iterable[int]) -> Day:
        last = self.last(query.now)
        return _joined([self._day(query, n) for n in numbers if n <= last])

    def _day(self, query: FeedQuery, number: int) -> Day:
        whole = self.market.day(query.symbol, number)
        bars = self.injected.over(query.symbol, self._with_auction(query.symbol, number, whole), self._edges(number))
        shown = bars.ts <= query.now
        if not query.extended:
            inside = self.market.sessions.number(bars.ts) >= 0
            shown &= inside | ((self.auction != "off") & (bars.ts == self.market.sessions.closes[number]))
        seen = forming(Day(bars.ts[shown], bars.values[shown]), query.now, self.market.kind.decimals)
        day = day_of(self.market.sessions)
        factor = self.splits(query.symbol).factor(day[number], day[self.last(query.now)]) if query.adjusted else 1
        return seen if factor == 1 else adjusted(seen, factor)

    def _with_auction(self, symbol: str, number: int, day: Day) -> Day:
        """Return a session's bars with the row of its closing auction; a session that touches the next has none."""
        sessions = self.market.sessions
        regular = day.values[sessions.number(day.ts) >= 0]
        if self.auction == "off" or sessions.is_continuous or not len(regular):
            return day
        close, date = int(sessions.closes[number]), int(sessions.dates[number].astype(np.int64))
        found = auction.row(self.market.seed, symbol, date, regular, self.market.kind.decimals)
        found[4] *= self.auction == "largest"
        kept = day.ts != close
        at = int(np.searchsorted(day.ts[kept], close))
        return Day(np.insert(day.ts[kept], at, close), np.insert(day.values[kept], at, found, axis=0))

    def _edges(self, number: int) -> tuple[int, int]:
        """Return from when until when bars belong to a session; sessions that touch have no extended hours."""
        sessions = self.market.sessions
        opens, closes = int(sessions.opens[number]), int(sessions.closes[number])
        return (opens, closes) if sessions.is_continuous else (opens - AROUND, opens + AROUND)


def adjusted(day: Day, factor: int) -> Day:
    """Return bars with prices divided by a split's factor, to four decimals, and volumes multiplied by it."""
    return Day(day.ts, np.column_stack([np.round(day.values[:, :4] / factor, 4), day.values[:, 4] * factor]))


def _joined(days: list[Day]) -> Day:
    empty = Day(np.zeros(0, np.int64), np.zeros((0, 5)))
    days = [empty, *days]
    return Day(np.concatenate([day.ts for day in days]), np.concatenate([day.values for day in days]))


def forming(day: Day, now: float, decimals: int) -> Day:
    """Replace a last bar that is not over at `now` by what has been seen of it."""
    if not len(day.ts) or day.ts[-1] + MINUTE <= now:
        return day
    share = (now - float(day.ts[-1])) / MINUTE
    first, high, low, last, volume = day.values[-1]
    close = round(first + share * (last - first), decimals)
    seen = [first, min(high, max(first, close)), max(low, min(first, close)), close, np.ceil(share * volume)]
    return Day(day.ts, np.vstack([day.values[:-1], seen]))
