"""Answer `/symbols`: a quote of each symbol, read at most once a second for all requests."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock, Thread

from serving.dashboard.responses import QuoteRow, QuoteWithClosesRow
from serving.dashboard.scores import ENOUGH
from serving.dashboard.ttl_cache import TtlCache
from stock_ml.adapters.postgres.reader import ForecastReader, Quote
from stock_ml.errors import StoreUnavailable

AT_ONCE = 500  # symbols whose skill one query reads: thousands would take longer than a query may
DAY = 86_400_000  # milliseconds


class Watchlist:
    """Cache the newest quote of each symbol, and its skill, which takes long and is read in a thread."""

    def __init__(self, reader: ForecastReader, first: Sequence[str], zone: str) -> None:
        self._reader, self._first, self._zone = reader, list(first), zone
        self._names, self._quotes = TtlCache(self._read_names), TtlCache(self._read_quotes)
        self._skills: TtlCache[dict[str, float | None]] = TtlCache(self._read_skills)
        self._known: dict[str, float | None] = {}
        self._reading = Lock()

    def all(self) -> list[QuoteRow]:
        """Return the quote of each symbol, the configured symbols first."""
        quotes = self._quotes.get()
        self._start_skills()
        return [self._row(quote) for quote in quotes]

    def of(self, symbols: Sequence[str]) -> list[QuoteWithClosesRow]:
        """Return the quotes of some symbols with their day's closes, a quarter of an hour apart."""
        quotes = self._reader.quotes(symbols, self._reader.recent(), self._zone)
        newest = max((quote.ts for quote in quotes if quote.ts is not None), default=None)
        closes = {} if newest is None else self._reader.sparks(symbols, newest - DAY // 2)
        return [(*self._row(quote), closes.get(quote.symbol, [])) for quote in quotes]

    def _row(self, quote: Quote) -> QuoteRow:
        change, skill = _rounded(quote.change), _rounded(self._known.get(quote.symbol))
        return quote.symbol, quote.ts, quote.last, change, quote.forecast, skill, quote.official

    def _read_names(self) -> list[str]:
        return [*self._first, *(name for name in self._reader.symbols() if name not in set(self._first))]

    def _read_quotes(self) -> list[Quote]:
        return self._reader.quotes(self._names.get(), self._reader.recent(), self._zone)

    def _start_skills(self) -> None:
        """Read the skills in a thread; the response does not wait for them."""
        if self._reading.acquire(blocking=False):
            Thread(target=self._refresh_skills, name="skills", daemon=True).start()

    def _refresh_skills(self) -> None:
        try:
            with suppress(StoreUnavailable):  # the next request meets it as well, and reports it
                self._known = self._skills.get()
        finally:
            self._reading.release()

    def _read_skills(self) -> dict[str, float | None]:
        newest = max((quote.ts for quote in self._quotes.get() if quote.ts is not None), default=None)
        found: dict[str, float | None] = {}
        if newest is not None:
            names = self._names.get()
            for start in range(0, len(names), AT_ONCE):
                found |= self._reader.skills(names[start : start + AT_ONCE], newest - DAY // 2, ENOUGH)
        return found


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
