"""The state of each symbol; while it is watched, its scores are read again only after a new bar."""

from collections.abc import Iterable
from typing import NamedTuple

from serving.dashboard.responses import State, SymbolScore
from serving.dashboard.scores import symbol_score
from serving.dashboard.status import Links, installation_state, with_symbol
from stock_ml.adapters.postgres.reader import ForecastReader, LastClose, Score
from stock_ml.errors import StoreUnavailable

SESSIONS = 5  # that the page compares


class SymbolState(NamedTuple):
    """Hold a symbol's newest bar, its scores, and the official close after that bar."""

    last_bar: int | None
    score: SymbolScore
    official_close: LastClose | None


class EarlierScores(NamedTuple):
    """Hold the scores of the sessions before one."""

    session: str
    scores: list[Score]


class States:
    """Cache the newest bar and the scores of each symbol that is watched."""

    def __init__(self, reader: ForecastReader, links: Links) -> None:
        self._reader, self._links = reader, links
        self._cache: dict[str, SymbolState] = {}
        self._fresh: set[str] = set()
        self._earlier: dict[str, EarlierScores] = {}

    def invalidate(self, symbols: Iterable[str]) -> None:
        """Read these symbols again the next time."""
        self._fresh.difference_update(symbols)

    def installation(self) -> State:
        """Return the state of services and monitoring, the same for all symbols. Raises StoreUnavailable."""
        return installation_state(self._reader.services(), self._reader.monitoring(), self._links)

    def of(self, symbol: str, installation: State) -> State:
        """Return the state of a symbol that is watched. Raises StoreUnavailable."""
        if symbol not in self._fresh:
            self._fresh.add(symbol)  # before reading: a bar that comes meanwhile invalidates it again
            self._cache[symbol] = self._read_or_invalidate(symbol)
        return with_symbol(installation, *self._cache[symbol])

    def now(self, symbol: str) -> State:
        """Return the state of any symbol. Raises StoreUnavailable."""
        return with_symbol(self.installation(), *self._read(symbol))

    def _read_or_invalidate(self, symbol: str) -> SymbolState:
        try:
            return self._read(symbol)
        except StoreUnavailable:
            self._fresh.discard(symbol)
            raise

    def _read(self, symbol: str) -> SymbolState:
        last_bar, newest = self._reader.last_bar(symbol), self._reader.score(symbol)
        before = self._scores_before(symbol, newest.session) if newest.session else []
        official = None if last_bar is None else self._reader.official_close(symbol, last_bar)
        return SymbolState(last_bar, symbol_score([newest, *before]), official)

    def _scores_before(self, symbol: str, session: str) -> list[Score]:
        """Return the scores of the sessions before one: they are over, so they are read once."""
        earlier = self._earlier.get(symbol)
        if earlier is None or earlier.session != session:
            earlier = EarlierScores(session, self._reader.scores_before(symbol, session, SESSIONS - 1))
            self._earlier[symbol] = earlier
        return earlier.scores
