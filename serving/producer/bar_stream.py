"""Take each symbol's new bars from what the source pushes and from what is requested, each once.

A source that pushes is requested for what its connection did not bring: after a connection is made, and where a bar is
missing PATIENCE after its minute. So a connection that is down, or open but silent, costs no bar.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic

import numpy as np

from serving.producer.feed_delay import LearnedDelay
from serving.producer.recent_minutes import Recent
from serving.producer.schedule import (
    first_to_publish,
    is_close_due,
    is_due,
    leaves_gap,
    months_between,
    unsettled_session,
)
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadFile, BadKey, BadSymbol, DailyLimit, PremiumEndpoint, SourceError, StoreUnavailable
from stock_ml.sources.parsing import Convention, LiveRows, Response, live_rows
from stock_ml.sources.registry import Source

MAXIMUM = 2**62  # later than any close
FOR_ALL = (BadKey, PremiumEndpoint)  # the same for every symbol
HOUR = 3600.0
REFUSED_PAUSE = 300.0  # wall seconds until a refused key is tried again, doubled with each refusal
APPEARANCE = 120.0  # seconds between two responses that say when a bar appeared
DOUBTED = 2  # times that a source says of a symbol with bars that it knows it not, before a session closes without it
PUSHED_PAUSE = 60.0  # wall seconds between two requests of a symbol while a connection pushes
PATIENCE = 10.0  # market seconds after a minute in which its bar may still be pushed
SILENT = 3  # minutes whose bars were requested, none pushed meanwhile, after which a connection counts as silent
TURN = 1.0  # wall seconds after which new bars are published before other symbols are requested


@dataclass
class _SymbolState:
    published: Recent
    shown: Bar | None = None  # the newest bar of the last response; it may be forming still
    responded_at: float | None = None
    requested_at: float = -inf
    next_try: float = 0.0
    failures: int = 0
    refusals: int = 0  # how often in a row the source said that it does not know the symbol
    fault: str | None = None
    missed: bool = True  # whether the connection may have left out bars since the last response
    settled: int = 0  # the close of the session whose settled bars were published

    @property
    def unknown(self) -> bool:
        """Say whether the source does not know the symbol; of one that had bars its first words are doubted."""
        return self.refusals > (0 if self.published.newest is None else DOUBTED)

    def responded_since(self, at: float) -> bool:
        """Say whether the source responded since a time of its own."""
        return self.responded_at is not None and self.responded_at >= at

    def has_all_until(self, close: float, settled: float) -> bool:
        """Say whether the bars until a close were published, or none is to be expected any more."""
        has_last = (self.published.newest or 0) >= close - MINUTE
        return self.unknown or has_last or (self.responded_at or 0) >= settled


@dataclass
class BarStream:
    """Hold for each symbol what was published last, when the source responded last, and whether it may lack bars.

    `sessions` returns the sessions in which a symbol is traded. `feed_delay`: seconds by which the feed is stated to be
    delayed; the source's responses are as of that much earlier.
    `pause`: wall seconds between two requests for the same minute of a symbol; `refused_pause`: at most until a symbol
    that the source does not know, or a refused key, is tried again.
    `settled_after`: seconds after a close from which on the source has a session's settled bars, 0 where it has none.
    `pushing`: whether a connection pushes bars now.
    """

    source: Source
    convention: Convention
    sessions: Callable[[str], Sessions]
    pause: float
    refused_pause: float = HOUR
    wall: Callable[[], float] = monotonic
    feed_delay: int = 0
    settled_after: int = 0
    pushing: bool = False
    unpushed: set[int] = field(default_factory=set)  # minutes of requested bars since the last pushed one
    learned: dict[str, LearnedDelay] = field(default_factory=dict)
    symbols: dict[str, _SymbolState] = field(default_factory=dict)
    refusal: str | None = None
    refusals: int = 0
    refused_until: float = 0.0
    has_more: bool = False
    official_closes: list[OfficialClose] = field(default_factory=list)

    def restore(self, published: Mapping[str, Recent]) -> None:
        """Go on after what was published last of each symbol."""
        self.symbols = {symbol: _SymbolState(recent) for symbol, recent in published.items()}

    @property
    def is_silent(self) -> bool:
        """Say whether the connection is open but brings no bars, though there are some."""
        return len(self.unpushed) >= SILENT

    def connected(self) -> None:
        """Note that a new connection was made: each symbol's bars of before may be missing."""
        self.unpushed.clear()
        for known in self.symbols.values():
            known.missed, known.next_try = True, known.next_try if known.failures else 0.0

    @property
    def fault(self) -> str | None:
        """Return why the source gives no bars, None where it does."""
        return self.refusal or next((known.fault for known in self.symbols.values() if known.fault), None)

    @property
    def newest(self) -> int:
        """Return the newest minute that was published of any symbol, 0 where none was."""
        return max((known.published.newest or 0 for known in self.symbols.values()), default=0)

    def trade_share(self, sessions: Sessions) -> float:
        """Return in which share of its newest minutes an exchange had trades of any symbol, 1 where none is known."""
        theirs = self._of_exchange(sessions.exchange)
        minutes = np.array(sorted(set().union(*(known.published.minutes for known in theirs))), dtype=np.int64)
        index = sessions.index(minutes)
        return len(minutes) / int(index[-1] - index[0] + 1) if len(minutes) else 1.0

    def newest_of(self, exchange: str) -> int:
        """Return the newest minute that was published of an exchange's symbols, 0 where none was."""
        return max((known.published.newest or 0 for known in self._of_exchange(exchange)), default=0)

    def delay(self, exchange: str) -> int:
        """Return by how many seconds the feed of an exchange is delayed, as stated or as learned."""
        return self.feed_delay + self._learned(exchange).seconds

    def new_bars(self, now: float) -> list[Bar]:
        """Return bars that were not published yet, late and corrected ones too, in the order of time.

        `now` is the market's. The symbols that have waited longest are requested first. Where requests have to wait,
        the other symbols' turn is the next one: `has_more` says so.
        """
        start, bars = self.wall(), list[Bar]()
        due = [symbol for symbol, known in self.symbols.items() if self._is_due(symbol, known, now)]
        self._note_complete(due)
        due.sort(key=lambda symbol: self.symbols[symbol].requested_at)
        if due and start >= self.refused_until:
            self.refusal = None
        while due and not self.refusal and self.wall() - start < TURN:
            bars += self._request(due.pop(0))
        self.has_more = bool(due) and not self.refusal
        return sorted(bars, key=lambda bar: (bar.ts, bar.symbol))

    def pushed(self, response: Response) -> list[Bar]:
        """Return the bars of a pushed response that were not published yet, corrected ones too.

        Where bars before it may be missing it brings nothing: they are requested, and this one with them.
        """
        known = self.symbols.get(response.symbol)
        if known is None or known.missed:
            return []
        try:
            rows = self._rows(response)
        except BadFile as error:
            known.missed = True
            self._record_error(known, response.symbol, error)
            return []
        self.unpushed.clear()
        return self._accepted(known, self._new_of_push(rows, response, known))

    def settled_bars(self, now: float) -> list[Bar]:
        """Return the bars of a session that its settled ones change or add, of one symbol at a time."""
        for symbol, known in self.symbols.items() if self.settled_after else ():
            sessions = self.sessions(symbol)
            number = unsettled_session(known.settled, known.published.newest, now - self.settled_after, sessions)
            if number is not None and self.wall() >= known.next_try and not self.refusal:
                return self._settle(symbol, known, number)
        return []

    def has_all_until(self, close: float, settled: float, calendar: Sessions) -> bool:
        """Say whether each symbol of a calendar's exchange has its bars until a close, or will have none.

        A symbol without a bar of the last minute has none if the feed's own time was `settled` at a response.
        """
        responded_by = settled + self._learned(calendar.exchange).seconds
        theirs = self._of_exchange(calendar.exchange)
        return not self.refusal and all(known.has_all_until(close, responded_by) for known in theirs)

    def _note_complete(self, due: Collection[str]) -> None:
        """Note which symbols lack nothing that could be requested: what is pushed of them follows at once."""
        for symbol, known in self.symbols.items() if self.pushing else ():
            waits = self.wall() < known.next_try or known.responded_at is None
            known.missed = known.missed and (waits or symbol in due)

    def _of_exchange(self, exchange: str) -> list[_SymbolState]:
        return [known for symbol, known in self.symbols.items() if self.sessions(symbol).exchange == exchange]

    def _learned(self, exchange: str) -> LearnedDelay:
        return self.learned.setdefault(exchange, LearnedDelay())

    def _is_due(self, symbol: str, known: _SymbolState, now: float) -> bool:
        if self.wall() < known.next_try:
            return False
        sessions = self.sessions(symbol)
        learned = self._learned(sessions.exchange).seconds
        responded_at = None if known.responded_at is None else known.responded_at - learned
        patience = PATIENCE if self.pushing and not known.missed else 0.0
        at = now - self.feed_delay - learned - patience
        if is_due(known.published.newest, responded_at, at, sessions):
            return True
        return is_close_due(known.published.newest_close, responded_at, at, sessions)

    def _request(self, symbol: str) -> list[Bar]:
        known = self.symbols[symbol]
        known.requested_at = self.wall()
        try:
            response = self.source.newest(symbol)
            rows = self._unpublished(response, known)
        except (SourceError, BadFile, StoreUnavailable) as error:  # the last from the request quota
            self._record_error(known, symbol, error)
            return []
        pause = max(self.pause, PUSHED_PAUSE) if self.pushing else self.pause
        known.responded_at, known.next_try = response.fetched_at, self.wall() + pause
        if self.pushing and not known.missed:
            self.unpushed.update(bar.ts for bar in rows.bars)
        known.missed = False
        return self._accepted(known, rows)

    def _settle(self, symbol: str, known: _SymbolState, number: int) -> list[Bar]:
        sessions = self.sessions(symbol)
        first, close = int(sessions.opens[number]), int(sessions.closes[number])
        try:
            month = self._rows(self.source.fetch(symbol, months_between(first, first, sessions)[0]))
        except (SourceError, BadFile, StoreUnavailable) as error:
            self._record_error(known, symbol, error)
            return []
        known.settled, known.next_try = close, self.wall() + self.pause
        found = [new for bar in month.bars if first <= bar.ts < close and (new := known.published.unpublished(bar))]
        closes = [each for each in month.official_closes if each.ts == close]
        return self._accepted(known, _with_closes(found, closes, known.published))

    def _accepted(self, known: _SymbolState, rows: LiveRows) -> list[Bar]:
        """Record rows as published, and return their bars."""
        known.failures, known.refusals, known.fault, self.refusals = 0, 0, None, 0
        for bar in rows.bars:
            known.published.add(bar)
        for close in rows.official_closes:
            known.published.add_close(close)
        self.official_closes += rows.official_closes
        return rows.bars

    def _new_of_push(self, rows: LiveRows, response: Response, known: _SymbolState) -> LiveRows:
        """Return what to publish: a service that pushes a bar again corrects it, as no cache stands between."""
        learned = self._learned(self.sessions(response.symbol).exchange)
        for bar in rows.bars:
            learned.limit(response.fetched_at - (bar.ts + MINUTE))
        found = [new for bar in rows.bars if (new := known.published.unpublished(bar))]
        return _with_closes(found, rows.official_closes, known.published)

    def take_official_closes(self) -> list[OfficialClose]:
        """Return official closes that were not published yet, found with the bars of before, each once."""
        found, self.official_closes = sorted(self.official_closes, key=lambda close: (close.ts, close.symbol)), []
        return found

    def _unpublished(self, response: Response, known: _SymbolState) -> LiveRows:
        published, sessions = known.published, self.sessions(response.symbol)
        rows, at = self._rows(response), response.fetched_at
        bars, newest = self._final(rows.bars, at, known, sessions), published.newest
        over = at - MINUTE - self._learned(sessions.exchange).seconds  # a delayed feed still forms what is later
        closes = [close for close in rows.official_closes if close.ts <= over]
        if newest is None:
            return _with_closes(first_to_publish(bars, sessions), closes, published)
        if leaves_gap(newest, bars, sessions):
            months = months_between(newest, bars[0].ts, sessions)
            older = [self._rows(self.source.fetch(response.symbol, month)) for month in months]
            bars = [bar for month in older for bar in month.bars if bar.ts < bars[0].ts] + bars
            closes = [close for month in older for close in month.official_closes] + closes
        found = [new for bar in bars if (new := published.unpublished(bar))]
        due = [bar for bar in found if bar.revision == 0 or _corrects(bar, bars[-1].ts, newest, sessions)]
        return _with_closes(due, closes, published)

    def _final(self, bars: list[Bar], at: float, known: _SymbolState, sessions: Sessions) -> list[Bar]:
        """Return the bars of a response, given `at` a time, without a newest one that a delayed feed may still form."""
        learned = self._learned(sessions.exchange)
        if not bars:
            return bars
        age, (session, now) = at - (bars[-1].ts + MINUTE), sessions.number(np.array([bars[-1].ts, at])).tolist()
        if session == now:
            learned.limit(age)
        if session == now and known.shown and known.shown.ts < bars[-1].ts and known.responded_since(at - APPEARANCE):
            learned.observe(bars[-1].ts, age, any(bar.ts == known.shown.ts and bar != known.shown for bar in bars))
        known.shown = bars[-1]
        return bars if age >= learned.seconds else bars[:-1]

    def _rows(self, response: Response) -> LiveRows:
        return live_rows(response, self.convention, self.sessions(response.symbol))

    def _record_error(self, known: _SymbolState, symbol: str, error: SourceError | BadFile | StoreUnavailable) -> None:
        known.failures += 1
        known.fault = f"{symbol}: {type(error).__name__}: {error}"
        if isinstance(error, FOR_ALL):
            self.refusal = f"{type(error).__name__}: {error}"
            self.refused_until = self.wall() + min(REFUSED_PAUSE * 2 ** min(self.refusals, 10), self.refused_pause)
            self.refusals += 1
        known.refusals = known.refusals + 1 if isinstance(error, BadSymbol) else known.refusals
        wait = self._wait_after(error, known)
        if isinstance(error, BadSymbol):
            known.fault += f"; it is asked for again in {wait / 60:.0f} min"
        known.next_try = self.wall() + wait

    def _wait_after(self, error: SourceError | BadFile | StoreUnavailable, known: _SymbolState) -> float:
        match error:
            case BadSymbol():
                return min(MINUTE * 2.0 ** min(known.refusals - 1, 10), self.refused_pause)
            case DailyLimit():
                return HOUR
            case _:
                return min(2.0 ** min(known.failures, 6), 60.0)


def _with_closes(bars: list[Bar], closes: list[OfficialClose], published: Recent) -> LiveRows:
    """Return bars to publish with the official closes that are to be published with them, each once."""
    first = bars[0].ts if bars else MAXIMUM
    unpublished = {close.ts: close for close in closes if published.is_unpublished_close(close, first)}
    return LiveRows(bars, list(unpublished.values()))


def _corrects(bar: Bar, last: int, newest: int, sessions: Sessions) -> bool:
    """Say whether a response whose `last` minute is given corrects a bar that was published; `newest` is the newest.

    A response that ends with the newest bar may come from a cache, and show that bar half-formed. A split or a dividend
    puts the prices of earlier sessions on another scale: that is no correction.
    """
    of_bar, of_last = sessions.number(np.array([bar.ts, last])).tolist()
    return last > newest and of_bar == of_last
