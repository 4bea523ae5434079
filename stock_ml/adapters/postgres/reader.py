"""Read from PostgreSQL what the dashboard shows; nothing is ever written through it."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypedDict

from stock_ml.adapters.postgres import reader_statements as statements
from stock_ml.adapters.postgres.connection import Database, PgConnection, Pool, Row, ServiceState, address
from stock_ml.config import Settings
from stock_ml.errors import BadRows, StoreUnavailable

log = logging.getLogger(__name__)
NAME = "stockml dashboard"  # as pg_stat_activity shows it
OPTIONS = (
    "-c default_transaction_read_only=on -c statement_timeout=5000 -c timezone=UTC -c plan_cache_mode=force_custom_plan"
)
SILENCE = 7.0  # seconds: two more than a server that runs lets a statement take
PING = 1.0  # seconds within which a server that runs answers the shortest query
RECENT = 10  # days with bars: two weeks of sessions hold whatever is newest


class Score(NamedTuple):
    """Hold a session's errors over the forecasts that count, `mae_…` in price units; None where there are none.

    `mae_bp` is in basis points of log return; `direction` is the share of right signs among `moved`, those where a move
    was forecast and came.
    """

    session: str | None
    counted: int
    mae_model: float | None
    mae_persistence: float | None
    gain: float | None
    gain_deviation: float | None
    coverage_90: float | None
    coverage_50: float | None = None
    mae_bp: float | None = None
    direction: float | None = None
    moved: int = 0


class OpenAlert(TypedDict):
    """Hold an alert that no training has followed yet; `market_at` in epoch milliseconds."""

    kind: str
    reason: str
    model_version: str
    market_at: int


class ReportSummary(TypedDict):
    """Hold what the page shows of a MonitoringReport; `market_at` in epoch milliseconds.

    `late` and `alarm` are None in reports of before they were stored.
    """

    model_version: str
    forecasts: int
    skill: float | None
    coverage_90: float | None
    unusual: dict[str, float]
    late: float | None
    alarm: str | None
    market_at: int


class Monitoring(NamedTuple):
    """Hold the open alert and the newest monitoring report."""

    alert: OpenAlert | None
    report: ReportSummary | None


class Quote(NamedTuple):
    """Hold a symbol's newest bar's open in epoch milliseconds, its close, the share by which that is above the close of
    the day before, and the forecast made at that bar; None where there is none.

    Closes are the official ones where they are known; `official` says that `last` is one.
    """

    symbol: str
    ts: int | None
    last: float | None
    change: float | None
    forecast: float | None
    official: bool


class LastClose(NamedTuple):
    """Hold the official close of a session, and when it closed, in epoch milliseconds."""

    ts: int
    close: float


class Span(NamedTuple):
    """Say which rows: `since` to `until` in epoch milliseconds, the newest `limit` of them."""

    symbol: str
    since: int
    until: int
    limit: int


class Run(NamedTuple):
    """Hold batches that were committed one after another: how many, the last one's id, and where their rows are."""

    batches: int
    newest: int
    stored: list[datetime] | None
    first: datetime | None
    last: datetime | None


class Changes(NamedTuple):
    """Hold rows that batches brought, ascending; each with its symbol before what a Span's rows hold.

    `closes` are the official ones: symbol, ts_ms, close.
    """

    bars: list[Row]
    forecasts: list[Row]
    closes: Sequence[Row] = ()


NO_SCORE = Score(None, 0, None, None, None, None, None)


class Listener:
    """Wait for commits of batches, on a connection of its own; use it from one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: PgConnection | None = None

    def wait(self, seconds: float) -> None:
        """Return when a batch was stored, or after a time; at once where one may have been missed.

        Raises StoreUnavailable, or WrongSource.
        """
        with self._database.translate_errors():
            if self._connection is None or self._connection.closed:
                self._connection = self._database.open()
                self._connection.execute("listen stored")
                return
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Pulse:
    """Say whether PostgreSQL answers, always within PING: a query waits on a connection and in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._pool = Pool(database)
        self._thread = ThreadPoolExecutor(1, "pulse")
        self._query: Future[None] | None = None

    def check(self) -> None:
        """Pass where it answers now. Raises StoreUnavailable, or WrongSource."""
        query = self._query = self._query or self._thread.submit(self._ask)
        try:
            query.result(PING)
        except TimeoutError:
            where = address(self._pool.database.conninfo)
            problem = f"did not answer within {PING:.0f} s; `make status` shows its process"
            raise StoreUnavailable(f"PostgreSQL at {where} {problem}") from None
        finally:
            if query.done():
                self._query = None

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _ask(self) -> None:
        self._pool.rows("select 1", {})


class ForecastReader:
    """Read from any thread; every method raises StoreUnavailable, or WrongSource, as Pool does."""

    def __init__(self, pool: Pool, horizon: int) -> None:
        self._pool, self._horizon = pool, horizon
        self._pulse = Pulse(replace(pool.database, connect_timeout=2, silence=PING))

    @classmethod
    def connect(cls, s: Settings) -> "ForecastReader":
        """Return a reader of this installation; nothing is opened yet."""
        return cls(Pool(Database(s.postgres(), NAME, s.source, OPTIONS, connect_timeout=3, silence=SILENCE)), s.horizon)

    def newest_batch(self) -> int:
        """Return the id of the batch committed last, 0 for none. Read it before rows, and no later batch is missed."""
        return int(self._pool.rows(statements.NEWEST_BATCH, {})[0][0])

    def run(self, after: int, most: int) -> Run | None:
        """Return the batches committed after one, the oldest `most` of them; None where that one is not known here."""
        known, *found = self._pool.rows(statements.RUN, {"after": after, "most": most})[0]
        return Run(*found) if known else None

    def changes(self, run: Run, symbols: Sequence[str] | None, limit: int | None = None) -> Changes:
        """Return the rows that batches brought of these symbols, of all where there are none given."""
        if not run.batches:
            return Changes([], [])
        values = run._asdict() | {"horizon": self._horizon, "limit": limit}
        values["symbols"] = None if symbols is None else list(symbols)
        changed = (statements.CHANGED_BARS, statements.CHANGED_FORECASTS, statements.CHANGED_CLOSES)
        return Changes(*(self._pool.rows(query, values) for query in changed))

    def bars(self, span: Span) -> list[Row]:
        """Return the newest bars of a span, ascending: ts_ms, open to close, volume, filled, outlier, revision."""
        return self._pool.rows(statements.BARS, span._asdict())[::-1]

    def forecasts(self, span: Span) -> list[Row]:
        """Return the newest forecasts by target in a span, ascending.

        A row is target_ts_ms, predicted, lower_50, upper_50, lower_90, upper_90, model_version, bar_ts_ms, late.
        """
        return self._pool.rows(statements.FORECASTS, span._asdict() | {"horizon": self._horizon})[::-1]

    def recent(self) -> int:
        """Return the start of the newest RECENT days with bars, epoch milliseconds; 0 where there are none."""
        return int(self._pool.rows(statements.RECENT, {"days": RECENT})[0][0])

    def score(self, symbol: str) -> Score:
        """Return the score of a symbol's newest session among the recent days."""
        found = self._recent_rows(statements.SCORE, symbol=symbol, horizon=self._horizon)
        return Score(*found[0]) if found else NO_SCORE

    def scores_before(self, symbol: str, before: str, sessions: int) -> list[Score]:
        """Return the scores of a symbol's newest sessions before a date (ISO 8601), newest first."""
        values: dict[str, str | int] = {"horizon": self._horizon, "before": before, "sessions": sessions}
        return [Score(*row) for row in self._recent_rows(statements.EARLIER, symbol=symbol, **values)]

    def quotes(self, symbols: Sequence[str], recent: int, zone: str) -> list[Quote]:
        """Return a quote of each symbol in their order; `zone` says where days end, `recent` bounds as everywhere."""
        values = {"symbols": list(symbols), "recent": recent, "zone": zone, "horizon": self._horizon}
        return [_quote(row) for row in self._pool.rows(statements.QUOTES, values)]

    def skills(self, symbols: Sequence[str], since: int, enough: int) -> dict[str, float | None]:
        """Return the skill since a time (epoch milliseconds) of symbols with at least so many scored forecasts.

        A symbol with rows that PostgreSQL cannot compute with is left out, and logged.
        """
        values = {"symbols": list(symbols), "since": since, "enough": enough, "horizon": self._horizon}
        try:
            return dict(self._pool.rows(statements.SKILLS, values))
        except BadRows as error:
            half = len(symbols) // 2
            if half == 0:
                log.warning("no skill of %s: %s", symbols[0], error)
                return {}
        return self.skills(symbols[:half], since, enough) | self.skills(symbols[half:], since, enough)

    def sparks(self, symbols: Sequence[str], since: int) -> dict[str, list[float]]:
        """Return the last close of each quarter of an hour since a time (epoch milliseconds), ascending."""
        return dict(self._pool.rows(statements.SPARKS, {"symbols": list(symbols), "since": since}))

    def monitoring(self) -> Monitoring:
        """Return the open alert and the newest monitoring report."""
        return Monitoring(*self._pool.rows(statements.MONITORING, {})[0])

    def last_bar(self, symbol: str) -> int | None:
        """Return the newest bar's open in epoch milliseconds, None where no recent day has one."""
        newest: int | None = self._recent_rows(statements.LAST_BAR, symbol=symbol)[0][0]
        return newest

    def official_close(self, symbol: str, after: int) -> LastClose | None:
        """Return the official close after a symbol's newest bar, given by its open in epoch milliseconds, if any."""
        found = self._pool.rows(statements.OFFICIAL_CLOSE, {"symbol": symbol, "after": after})
        return LastClose(*found[0]) if found else None

    def services(self) -> dict[str, ServiceState]:
        """Return by name what each service last said of itself."""
        return {name: ServiceState(state, age) for name, state, age in self._pool.rows(statements.SERVICES, {})}

    def symbols(self) -> list[str]:
        """Return every symbol that has a bar in the recent days, in order."""
        return [symbol for (symbol,) in self._recent_rows(statements.SYMBOLS)]

    def has_symbol(self, symbol: str) -> bool:
        """Say whether there is a bar of this symbol; older days are read only where the recent ones have none."""
        if self.last_bar(symbol) is not None:
            return True
        return bool(self._pool.rows(statements.EVER, {"symbol": symbol})[0][0])

    def listen(self) -> Listener:
        """Return a listener to commits; nothing is opened yet."""
        return Listener(self._pool.database)

    def ping(self) -> None:
        """See that PostgreSQL answers, within a second or two."""
        self._pulse.check()

    def close(self) -> None:
        """Close the connections."""
        self._pulse.close()
        self._pool.close()

    def _recent_rows(self, query: str, **values: str | int) -> list[Row]:
        return self._pool.rows(query, values | {"recent": self.recent()})


def _quote(row: Row) -> Quote:
    symbol, ts, last, before, forecast, official = row
    change = last / before - 1 if last is not None and before else None  # PostgreSQL would refuse one beyond 1e308
    return Quote(symbol, ts, last, change, forecast, official)
