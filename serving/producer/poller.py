"""Request each symbol's new bars from the source, and treat each kind of error as it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from serving.producer.recent_minutes import Recent
from serving.producer.schedule import first_to_publish, is_due, leaves_gap, months_between
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BadFile, BadKey, BadSymbol, DailyLimit, PremiumEndpoint, SourceError, StoreUnavailable
from stock_ml.sources.parsing import Convention, Response, bars_of
from stock_ml.sources.registry import Source

FOR_ALL = (BadKey, PremiumEndpoint)  # the same for every symbol
HOUR = 3600.0
REFUSED_PAUSE = 300.0  # wall seconds until a refused key is tried again, doubled with each refusal
TURN = 1.0  # wall seconds after which new bars are published before other symbols are requested


@dataclass
class _SymbolState:
    published: Recent
    responded_at: float | None = None
    requested_at: float = -inf
    next_try: float = 0.0
    failures: int = 0
    unknown: bool = False
    fault: str | None = None


@dataclass
class Poller:
    """Hold for each symbol what was published last and when the source responded last.

    `sessions` returns the sessions in which a symbol is traded.
    `pause`: wall seconds between two requests for the same minute of a symbol; `refused_pause`: until a symbol that the
    source does not know is requested again, and at most until a refused key is tried again.
    """

    source: Source
    convention: Convention
    sessions: Callable[[str], Sessions]
    pause: float
    refused_pause: float = HOUR
    wall: Callable[[], float] = monotonic
    symbols: dict[str, _SymbolState] = field(default_factory=dict)
    refusal: str | None = None
    refusals: int = 0
    refused_until: float = 0.0
    has_more: bool = False

    def restore(self, published: Mapping[str, Recent]) -> None:
        """Go on after what was published last of each symbol."""
        self.symbols = {symbol: _SymbolState(recent) for symbol, recent in published.items()}

    @property
    def fault(self) -> str | None:
        """Return why the source gives no bars, None where it does."""
        return self.refusal or next((known.fault for known in self.symbols.values() if known.fault), None)

    @property
    def newest(self) -> int:
        """Return the newest minute that was published of any symbol, 0 where none was."""
        return max((known.published.newest or 0 for known in self.symbols.values()), default=0)

    def new_bars(self, now: float) -> list[Bar]:
        """Return bars that were not published yet, late ones too, in the order of time; `now` is the market's.

        The symbols that have waited longest are requested first. Where requests have to wait, the other symbols' turn
        is the next one: `has_more` says so.
        """
        start, bars = self.wall(), list[Bar]()
        due = [symbol for symbol, known in self.symbols.items() if self._is_due(symbol, known, now)]
        due.sort(key=lambda symbol: self.symbols[symbol].requested_at)
        if due and start >= self.refused_until:
            self.refusal = None
        while due and not self.refusal and self.wall() - start < TURN:
            bars += self._request(due.pop(0))
        self.has_more = bool(due) and not self.refusal
        return sorted(bars, key=lambda bar: (bar.ts, bar.symbol))

    def has_all_until(self, close: float, calendar: Sessions) -> bool:
        """Say whether each symbol of a calendar's exchange has its bars until a close, or will have none."""
        exchange = calendar.exchange
        theirs = [known for symbol, known in self.symbols.items() if self.sessions(symbol).exchange == exchange]
        return not self.refusal and all(known.unknown or (known.responded_at or 0) >= close for known in theirs)

    def _is_due(self, symbol: str, known: _SymbolState, now: float) -> bool:
        if self.wall() < known.next_try:
            return False
        return is_due(known.published.newest, known.responded_at, now, self.sessions(symbol))

    def _request(self, symbol: str) -> list[Bar]:
        known = self.symbols[symbol]
        known.requested_at = self.wall()
        try:
            response = self.source.newest(symbol)
            bars = self._unpublished(response, known.published)
        except (SourceError, BadFile, StoreUnavailable) as error:  # the last from the request quota
            self._record_error(known, symbol, error)
            return []
        known.responded_at, known.failures, known.unknown, known.fault = response.fetched_at, 0, False, None
        known.next_try, self.refusals = self.wall() + self.pause, 0
        for bar in bars:
            known.published.add(bar.ts)
        return bars

    def _unpublished(self, response: Response, published: Recent) -> list[Bar]:
        bars, newest, sessions = self._bars(response), published.newest, self.sessions(response.symbol)
        if newest is None:
            return first_to_publish(bars, sessions)
        if leaves_gap(newest, bars, sessions):
            months = months_between(newest, bars[0].ts, sessions)
            older = [bar for month in months for bar in self._bars(self.source.fetch(response.symbol, month))]
            bars = [bar for bar in older if bar.ts < bars[0].ts] + bars
        return [bar for bar in bars if published.is_unpublished(bar.ts)]

    def _bars(self, response: Response) -> list[Bar]:
        return bars_of(response, self.convention, self.sessions(response.symbol))

    def _record_error(self, known: _SymbolState, symbol: str, error: SourceError | BadFile | StoreUnavailable) -> None:
        known.failures += 1
        known.fault = f"{symbol}: {type(error).__name__}: {error}"
        if isinstance(error, FOR_ALL):
            self.refusal = f"{type(error).__name__}: {error}"
            self.refused_until = self.wall() + min(REFUSED_PAUSE * 2 ** min(self.refusals, 10), self.refused_pause)
            self.refusals += 1
        known.unknown = isinstance(error, BadSymbol)
        if known.unknown:
            known.fault += f"; it is asked for again every {self.refused_pause / 60:.0f} min"
        known.next_try = self.wall() + self._wait_after(error, known.failures)

    def _wait_after(self, error: SourceError | BadFile | StoreUnavailable, failures: int) -> float:
        match error:
            case BadSymbol():
                return self.refused_pause
            case DailyLimit():
                return HOUR
            case _:
                return min(2.0 ** min(failures, 6), 60.0)
