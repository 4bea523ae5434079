"""What monitoring reads of the stored forecasts, and stores: its reports, and one open alert at a time."""

from collections.abc import Mapping

import numpy as np
from psycopg.types.json import Jsonb

from stock_ml.adapters.postgres.connection import Connection, Database, Row
from stock_ml.adapters.postgres.store.statements import READ_STATE, WRITE_STATE
from stock_ml.config import Settings
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.json_object import JsonObject
from stock_ml.domain.official_close import OfficialCloses
from stock_ml.evaluation.live_bars import LiveCloses
from stock_ml.evaluation.live_performance import Alert, LimitBreach, MinuteErrors, MonitoringReport, Timeliness

SERVING = "select model_version from forecasts where horizon = %(horizon)s order by stored_at desc limit 1"
MINUTE_ERRORS = """
with sessions as (
    select distinct session from forecasts where horizon = %(horizon)s and model_version = %(version)s
    order by session desc limit %(sessions)s
)
select avg(abs(ln(predicted_close / actual_close))) * 1e4, avg(abs(ln(last_close / actual_close))) * 1e4,
       sum((actual_close between lower_50 and upper_50)::int)::float8,
       sum((actual_close between lower_90 and upper_90)::int)::float8,
       sum((actual_close between lower_99 and upper_99)::int)::float8, count(*)::float8
from outcomes join sessions using (session)
where horizon = %(horizon)s and model_version = %(version)s and counts
group by bar_ts order by bar_ts
"""
# of bars that were caught up at once the newest one alone counts: it says whether the feed is in time
TIMELINESS = """
with sessions as (
    select distinct session from forecasts where horizon = %(horizon)s and model_version = %(version)s
    order by session desc limit %(sessions)s
), newest as (
    select distinct on (symbol, date_trunc('minute', made_at)) late
    from outcomes join sessions using (session)
    where horizon = %(horizon)s and model_version = %(version)s and bar_ts > trained_until
    order by symbol, date_trunc('minute', made_at), bar_ts desc
)
select count(*)::int, (count(*) filter (where late))::int from newest
"""
BARS = """
select extract(epoch from ts)::bigint, open, high, low, close, volume, filled from bars
where symbol = %(symbol)s and ts >= to_timestamp(%(since)s) and ts < to_timestamp(%(until)s) order by ts
"""
OFFICIAL_CLOSES = """
select extract(epoch from ts)::bigint, close from official_closes
where symbol = %(symbol)s and ts >= to_timestamp(%(since)s) and ts < to_timestamp(%(until)s) order by ts
"""
LIVE_CLOSES = """
select extract(epoch from ts)::bigint, close, revision from bars
where symbol = %(symbol)s and ts >= to_timestamp(%(since)s) and ts < to_timestamp(%(until)s) and not filled order by ts
"""
NEWEST_BAR = "select extract(epoch from max(ts))::float8 from bars where symbol = any(%(symbols)s)"
WRITE_REPORT = (
    "insert into looks (market_at, model_version, report) values (to_timestamp(%(at)s), %(version)s, %(report)s)"
)
NEWEST_ALERT = """
select kind, reason, model_version, extract(epoch from raised_at)::float8, extract(epoch from market_at)::float8,
       acted_on_at is null
from alerts order by id desc limit 1
"""
# a second monitor at the same moment raises nothing: one alert is open at a time
RAISE_ALERT = """
insert into alerts (kind, reason, model_version, market_at)
values (%(kind)s, %(reason)s, %(version)s, to_timestamp(%(at)s)) on conflict do nothing
returning kind, reason, model_version, extract(epoch from raised_at)::float8, extract(epoch from market_at)::float8
"""
CLOSE_ALERT = (
    "update alerts set acted_on_at = now() where acted_on_at is null and raised_at < to_timestamp(%(registered)s)"
)


class MonitoringStore:
    """Read and write what monitoring needs of an installation; use it from one thread.

    Every method raises StoreUnavailable where PostgreSQL does not answer or lacks the tables.
    """

    def __init__(self, connection: Connection, horizon: int) -> None:
        self._connection, self._horizon = connection, horizon

    @classmethod
    def connect(cls, s: Settings) -> "MonitoringStore":
        """Return the store of this installation; the connection opens with the first call."""
        return cls(Connection(Database(s.postgres(), "stockml monitoring", s.source)), s.horizon)

    def serving_version(self) -> str | None:
        """Return the version that made the newest forecast, None where there is none."""
        found = self._rows(SERVING, horizon=self._horizon)
        return str(found[0][0]) if found else None

    def minute_errors(self, version: str, sessions: int) -> MinuteErrors:
        """Return the errors of a version's forecasts that count, in its newest sessions."""
        rows = self._rows(MINUTE_ERRORS, horizon=self._horizon, version=version, sessions=sessions)
        return MinuteErrors(*np.array(rows, dtype=np.float64).reshape(-1, 6).T)

    def timeliness(self, version: str, sessions: int) -> Timeliness:
        """Count a version's forecasts in its newest sessions whose outcome is known, and the late ones of them.

        Those that a symbol's bars brought in one minute count as one, the newest of them.
        """
        return Timeliness(*self._rows(TIMELINESS, horizon=self._horizon, version=version, sessions=sessions)[0])

    def bars(self, symbol: str, since: int, until: int) -> Minutes:
        """Return a symbol's stored bars in a span of UTC epoch seconds."""
        rows = self._rows(BARS, symbol=symbol, since=since, until=until)
        columns = zip(*rows, strict=True) if rows else [()] * 7
        kinds = (np.int64, *([np.float64] * 5), np.bool_)
        return Minutes(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))

    def official_closes(self, symbol: str, since: int, until: int) -> OfficialCloses:
        """Return a symbol's official closes in a span of UTC epoch seconds."""
        rows = self._rows(OFFICIAL_CLOSES, symbol=symbol, since=since, until=until)
        ts, close = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [])
        return OfficialCloses(np.array(ts, dtype=np.int64), np.array(close, dtype=np.float64))

    def live_closes(self, symbol: str, since: int, until: int) -> LiveCloses:
        """Return a symbol's received bars in a span of UTC epoch seconds, each as its newest version."""
        rows = np.array(self._rows(LIVE_CLOSES, symbol=symbol, since=since, until=until), dtype=np.float64)
        ts, close, revision = rows.reshape(-1, 3).T
        return LiveCloses(ts.astype(np.int64), close, revision.astype(np.int16))

    def newest_bar(self, symbols: tuple[str, ...]) -> float | None:
        """Return the open of the newest bar stored, in UTC epoch seconds."""
        found = self._rows(NEWEST_BAR, symbols=list(symbols))[0][0]
        return None if found is None else float(found)

    def write_report(self, report: MonitoringReport, market_at: float) -> None:
        """Store a report made at a time of the Clock."""
        self._run(WRITE_REPORT, at=market_at, version=report.model_version, report=Jsonb(report._asdict()))

    def write_state(self, service: str, state: Mapping[str, object]) -> None:
        """Replace the state of a part of the installation."""
        self._run(WRITE_STATE, service=service, state=Jsonb(dict(state)))

    def read_state(self, service: str) -> JsonObject | None:
        """Return the state of a part, None where none was written."""
        found = self._rows(READ_STATE, service=service)
        return dict(found[0][0]) if found else None

    def newest_alert(self) -> tuple[Alert, bool] | None:
        """Return the alert raised last, and whether it is open; None where none ever was."""
        found = self._rows(NEWEST_ALERT)
        return (Alert(*found[0][:5]), bool(found[0][5])) if found else None

    def raise_alert(self, breach: LimitBreach, version: str, market_at: float) -> Alert | None:
        """Open an alert and return it, None where one is open already."""
        found = self._rows(RAISE_ALERT, kind=breach.kind, reason=breach.reason, version=version, at=market_at)
        return Alert(*found[0]) if found else None

    def close_alert(self, registered_at: float) -> bool:
        """Close the open alert where it is older than a version registered then (wall); say whether it was."""
        return self._run(CLOSE_ALERT, registered=registered_at) > 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, query: str, **values: object) -> list[Row]:
        with self._connection.use() as connection:
            return list(connection.execute(query, values).fetchall())

    def _run(self, query: str, **values: object) -> int:
        with self._connection.use() as connection:
            return connection.execute(query, values).rowcount
