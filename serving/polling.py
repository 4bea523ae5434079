"""Ask the source for each symbol's new bars, and take its refusals for what they are."""

from dataclasses import dataclass, field
from time import monotonic

from serving.publishing import first_to_publish, is_due, leaves_a_hole, months_between
from stock_ml.adapters.sources.table import Source
from stock_ml.bars import Bar
from stock_ml.errors import BadFile, BadKey, BadSymbol, DailyLimit, PremiumEndpoint, SourceError
from stock_ml.received import Convention, Received, bars_of
from stock_ml.sessions import Sessions

FOR_GOOD = (BadKey, PremiumEndpoint)  # the same for every symbol, until someone changes the setting
HOUR = 3600.0


@dataclass
class _Symbol:
    newest: int | None
    answered_at: float | None = None
    next_try: float = 0.0
    failures: int = 0
    refused: bool = False
    trouble: str | None = None


@dataclass
class Poller:
    """Remember for each symbol what was published last and when the source answered last."""

    source: Source
    convention: Convention
    sessions: Sessions
    pause: float  # wall seconds between two requests for the same minute of a symbol
    symbols: dict[str, _Symbol] = field(default_factory=dict)
    refused: str | None = None

    def begin(self, newest: dict[str, int | None]) -> None:
        """Go on after the bars published last, None where nothing was."""
        self.symbols = {symbol: _Symbol(ts) for symbol, ts in newest.items()}

    @property
    def trouble(self) -> str | None:
        """Return what the source refuses, None where it answers."""
        return self.refused or next((known.trouble for known in self.symbols.values() if known.trouble), None)

    def new_bars(self, now: float) -> list[Bar]:
        """Return all bars that were not published yet, in the order of time; `now` is the market's."""
        due = [symbol for symbol, known in self.symbols.items() if not self.refused and self._is_due(known, now)]
        return sorted((bar for symbol in due for bar in self._ask(symbol)), key=lambda bar: (bar.ts, bar.symbol))

    def has_all_until(self, close: float) -> bool:
        """Say whether every symbol's bars until a close were given, or there are no more."""
        return not self.refused and all(
            known.refused or (known.answered_at or 0) >= close for known in self.symbols.values()
        )

    def _is_due(self, known: _Symbol, now: float) -> bool:
        if known.refused or monotonic() < known.next_try:
            return False
        return is_due(known.newest, known.answered_at, now, self.sessions)

    def _ask(self, symbol: str) -> list[Bar]:
        known = self.symbols[symbol]
        try:
            received = self.source.newest(symbol)
            bars = self._after(received, known.newest)
        except (SourceError, BadFile) as error:
            self._failed(known, symbol, error)
            return []
        known.answered_at, known.failures, known.trouble = received.fetched_at, 0, None
        known.next_try = monotonic() + self.pause
        known.newest = bars[-1].ts if bars else known.newest
        return bars

    def _after(self, received: Received, newest: int | None) -> list[Bar]:
        bars = self._bars(received)
        if newest is None:
            return first_to_publish(bars, self.sessions)
        if leaves_a_hole(newest, bars, self.sessions):
            months = months_between(newest, bars[0].ts, self.sessions)
            older = [bar for month in months for bar in self._bars(self.source.fetch(received.symbol, month))]
            bars = [bar for bar in older if bar.ts < bars[0].ts] + bars
        return [bar for bar in bars if bar.ts > newest]

    def _bars(self, received: Received) -> list[Bar]:
        return bars_of(received, self.convention, self.sessions.exchange)

    def _failed(self, known: _Symbol, symbol: str, error: SourceError | BadFile) -> None:
        known.failures += 1
        known.trouble = f"{symbol}: {type(error).__name__}: {error}"
        if isinstance(error, FOR_GOOD):
            self.refused = f"{type(error).__name__}: {error}"
        known.refused = isinstance(error, BadSymbol)
        wait = HOUR if isinstance(error, DailyLimit) else min(2.0 ** min(known.failures, 6), 60.0)
        known.next_try = monotonic() + wait
