"""What is said of a symbol beside its rows; while it is watched, read anew only where a bar came since."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from serving.dashboard.scores import score_state
from serving.dashboard.status import Links, Said, service_states
from stock_ml.adapters.postgres.reader import ForecastReader, Score
from stock_ml.errors import StoreUnavailable

SESSIONS = 5  # that the page compares


class Kept(NamedTuple):
    """Hold a symbol's newest bar, and what the page says of its scores."""

    last_bar: int | None
    score: dict[str, Any]


class States:
    """Hold the newest bar and the scores of each symbol that is watched."""

    def __init__(self, reader: ForecastReader, links: Links) -> None:
        self._reader, self._links = reader, links
        self._kept: dict[str, Kept] = {}
        self._fresh: set[str] = set()
        self._earlier: dict[str, tuple[str, list[Score]]] = {}  # by symbol: the session that they were before, and they

    def changed(self, symbols: Iterable[str]) -> None:
        """Note that rows of these symbols came."""
        self._fresh.difference_update(symbols)

    def said(self) -> Said:
        """Return what the services and monitoring say, the same for all symbols. Raises StoreUnavailable."""
        return Said(self._reader.services(), self._reader.monitoring())

    def of(self, symbol: str, said: Said) -> dict[str, Any]:
        """Return what the page says beside the chart, for a symbol that is watched. Raises StoreUnavailable."""
        if symbol not in self._fresh:
            self._fresh.add(symbol)  # before reading: what comes meanwhile makes it old again
            self._kept[symbol] = self._read(symbol)
        return self._told(said, self._kept[symbol])

    def now(self, symbol: str) -> dict[str, Any]:
        """Return the same for a symbol whose news nobody may note. Raises StoreUnavailable."""
        return self._told(self.said(), Kept(self._reader.last_bar(symbol), self._scores(symbol)))

    def _told(self, said: Said, kept: Kept) -> dict[str, Any]:
        return service_states(said, kept.last_bar, self._links) | {"score": kept.score}

    def _read(self, symbol: str) -> Kept:
        try:
            return Kept(self._reader.last_bar(symbol), self._scores(symbol))
        except StoreUnavailable:
            self._fresh.discard(symbol)
            raise

    def _scores(self, symbol: str) -> dict[str, Any]:
        newest = self._reader.score(symbol)
        return score_state([newest, *(self._before(symbol, newest.session) if newest.session else [])])

    def _before(self, symbol: str, session: str) -> list[Score]:
        """Return the scores of the sessions before one: they are over, so they are read once."""
        kept = self._earlier.get(symbol)
        if kept is None or kept[0] != session:
            kept = session, self._reader.scores_before(symbol, session, SESSIONS - 1)
            self._earlier[symbol] = kept
        return kept[1]
