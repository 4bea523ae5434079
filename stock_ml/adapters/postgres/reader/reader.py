"""Ask for bars, forecasts, scores and states."""

from collections.abc import Sequence

from stock_ml.adapters.postgres.reader import statements
from stock_ml.adapters.postgres.reader.connections import Connections
from stock_ml.adapters.postgres.reader.listener import Listener
from stock_ml.adapters.postgres.reader.quotes import QuoteReader
from stock_ml.adapters.postgres.reader.rows import Changes, Row, Run, Score, Service, Span, Watched
from stock_ml.config import Settings

RECENT = 10  # days with bars: two weeks of sessions hold whatever is newest
NO_SCORE = Score(None, 0, None, None, None, None, None)


class ForecastReader:
    """Read from any thread; every method raises StoreUnavailable as Connections does."""

    def __init__(self, connections: Connections, horizon: int) -> None:
        self._connections, self._horizon = connections, horizon
        self.of_many = QuoteReader(connections, horizon)

    @classmethod
    def connect(cls, s: Settings) -> "ForecastReader":
        """Return a reader of this installation; nothing is opened yet."""
        return cls(Connections(s.postgres(), s.source), s.horizon)

    def newest_batch(self) -> int:
        """Return the id of the batch committed last, 0 for none. Who asks before reading rows misses none after it."""
        return int(self._connections.rows(statements.NEWEST_BATCH, {})[0][0])

    def run(self, after: int, most: int) -> Run | None:
        """Return the batches committed after one, the oldest `most` of them; None where that one is not known here."""
        known, *found = self._connections.rows(statements.RUN, {"after": after, "most": most})[0]
        return Run(*found) if known else None

    def changes(self, run: Run, symbols: Sequence[str] | None, limit: int | None = None) -> Changes:
        """Return the rows that batches brought of these symbols, of all where there are none given."""
        if not run.batches:
            return Changes([], [])
        values = run._asdict() | {"horizon": self._horizon, "limit": limit}
        values["symbols"] = None if symbols is None else list(symbols)
        rows = (self._connections.rows(q, values) for q in (statements.CHANGED_BARS, statements.CHANGED_FORECASTS))
        return Changes(*rows)

    def bars(self, span: Span) -> list[Row]:
        """Return the newest bars of a span, ascending: ts_ms, open, high, low, close, volume, filled."""
        return self._connections.rows(statements.BARS, span._asdict())[::-1]

    def forecasts(self, span: Span) -> list[Row]:
        """Return the newest forecasts by target in a span, ascending.

        A row is target_ts_ms, predicted, lower_50, upper_50, lower_90, upper_90, model_version, bar_ts_ms, late.
        """
        return self._connections.rows(statements.FORECASTS, span._asdict() | {"horizon": self._horizon})[::-1]

    def recent(self) -> int:
        """Return the start of the newest RECENT days with bars, epoch milliseconds; 0 where there are none."""
        return int(self._connections.rows(statements.RECENT, {"days": RECENT})[0][0])

    def score(self, symbol: str) -> Score:
        """Return the score of a symbol's newest session among the recent days."""
        found = self._recently(statements.SCORE, symbol=symbol, horizon=self._horizon)
        return Score(*found[0]) if found else NO_SCORE

    def earlier(self, symbol: str, before: str, sessions: int) -> list[Score]:
        """Return the scores of a symbol's newest sessions before a date (ISO 8601), newest first."""
        values: dict[str, str | int] = {"horizon": self._horizon, "before": before, "sessions": sessions}
        return [Score(*row) for row in self._recently(statements.EARLIER, symbol=symbol, **values)]

    def watched(self) -> Watched:
        """Return what monitoring last found."""
        return Watched(*self._connections.rows(statements.WATCHED, {})[0])

    def last_bar(self, symbol: str) -> int | None:
        """Return the newest bar's open in epoch milliseconds, None where no recent day has one."""
        newest: int | None = self._recently(statements.LAST_BAR, symbol=symbol)[0][0]
        return newest

    def services(self) -> dict[str, Service]:
        """Return by name what each service last said of itself."""
        return {name: Service(state, age) for name, state, age in self._connections.rows(statements.SERVICES, {})}

    def symbols(self) -> list[str]:
        """Return every symbol that has a bar in the recent days, in order."""
        return [symbol for (symbol,) in self._recently(statements.SYMBOLS)]

    def knows(self, symbol: str) -> bool:
        """Say whether there is a bar of this symbol; only for a doubtful one older days are looked through."""
        if self.last_bar(symbol) is not None:
            return True
        return bool(self._connections.rows(statements.EVER, {"symbol": symbol})[0][0])

    def listen(self) -> Listener:
        """Return a listener to what is committed; nothing is opened yet."""
        return Listener(self._connections)

    def ping(self) -> None:
        """Ask for nothing, to see whether PostgreSQL answers."""
        self._connections.rows("select 1", {})

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _recently(self, query: str, **values: str | int) -> list[Row]:
        return self._connections.rows(query, values | {"recent": self.recent()})
