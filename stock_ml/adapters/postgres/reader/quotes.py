"""Ask for a line a symbol: its price, change and forecast, its skill, and its way through the day."""

from collections.abc import Sequence

from stock_ml.adapters.postgres.reader import statements
from stock_ml.adapters.postgres.reader.connections import Connections
from stock_ml.adapters.postgres.reader.rows import Quote


class QuoteReader:
    """Read from any thread; every method raises StoreUnavailable as Connections does."""

    def __init__(self, connections: Connections, horizon: int) -> None:
        self._connections, self._horizon = connections, horizon

    def quotes(self, symbols: Sequence[str], recent: int, zone: str) -> list[Quote]:
        """Return a quote of each symbol in their order; `zone` says where days end, `recent` bounds as everywhere."""
        values = {"symbols": list(symbols), "recent": recent, "zone": zone, "horizon": self._horizon}
        return [Quote(*row) for row in self._connections.rows(statements.QUOTES, values)]

    def skills(self, symbols: Sequence[str], since: int, enough: int) -> dict[str, float | None]:
        """Return the skill since a time (epoch milliseconds) of symbols with at least so many scored forecasts."""
        values = {"symbols": list(symbols), "since": since, "enough": enough, "horizon": self._horizon}
        return dict(self._connections.rows(statements.SKILLS, values))

    def sparks(self, symbols: Sequence[str], since: int) -> dict[str, list[float]]:
        """Return the last close of each quarter of an hour since a time (epoch milliseconds), ascending."""
        return dict(self._connections.rows(statements.SPARKS, {"symbols": list(symbols), "since": since}))
