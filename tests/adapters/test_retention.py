"""Old days leave PostgreSQL for S3, whole and unchanged, whatever happens on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest

from stock_ml.adapters.lake import Archive, Lake
from stock_ml.adapters.lake.objects import Objects
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from stock_ml.maintenance.cleanup import forget_old
from stock_ml.maintenance.retention import retire
from stock_ml.sources.parsing import Response
from tests.adapters.conftest import empty
from tests.adapters.test_postgres_store import T, bar, forecast
from tests.servers import tables

DAY, WEEK = 86_400, ["2024-03-01", "2024-03-04", "2024-03-05", "2024-03-06"]
OPENS = [T, T + 3 * DAY, T + 4 * DAY, T + 5 * DAY]


@pytest.fixture
def s(postgres: Settings, s3: Settings) -> Iterator[Settings]:
    """Settings with an empty bucket and nothing but four sessions stored, of which two are kept."""
    tables(postgres)
    own = postgres.model_copy(update={"keep_sessions": 2, "s3_bucket": "retention"})
    empty(Lake.connect(own))
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute("truncate bars, replaced_bars, forecasts, shadow_forecasts")
    store = ForecastStore.connect(own)
    for opens in OPENS:
        shift = (opens - T) // 60
        bars = [bar(f"A{n}", shift + m, 100.1 + n, filled=m == 2, late=m == 3) for n in range(3) for m in range(5)]
        store.store(bars, [forecast(f"A{n}", shift + m, 100.7 + m / 7) for n in range(3) for m in range(3)])
    store.close()
    yield own
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute("truncate bars, replaced_bars, forecasts, shadow_forecasts")


def stored(s: Settings, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(s.postgres(), row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(f"select * from {table} order by 1, 2").fetchall()  # noqa: S608 - names of this file


def archived(s: Settings, table: str) -> list[dict[str, Any]]:
    archive = Archive.connect(s)
    rows = [row for day in archive.days(table) for row in archive.read(table, day).to_pylist()]
    return sorted(rows, key=lambda row: list(row.values())[:2])


def test_old_days_are_on_s3_as_they_were_stored_and_gone_here(s: Settings) -> None:
    before = {table: stored(s, table) for table in ("bars", "forecasts")}
    moved = {day: rows for day, rows in retire(s).items() if rows}  # other tests may have left a day without rows
    assert moved == {day: {"bars": 15, "forecasts": 9} for day in WEEK[:2]}
    for table, rows in before.items():
        left = stored(s, table)
        assert len(left) == len(rows) // 2
        assert sorted(archived(s, table) + left, key=lambda row: list(row.values())[:2]) == rows
    with psycopg.connect(s.postgres()) as connection:
        assert connection.execute(
            "select to_regclass('bars_20240301'), to_regclass('forecasts_20240304')"
        ).fetchone() == (
            None,
            None,
        )
    assert retire(s) == {}


def test_what_s3_does_not_take_stays_here(s: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {table: stored(s, table) for table in ("bars", "forecasts")}
    monkeypatch.setattr(Objects, "get", lambda *_: None)  # what was put is not there when it is read back
    with pytest.raises(StoreUnavailable, match="does not hold what was put there"):
        retire(s)
    assert {table: stored(s, table) for table in before} == before
    monkeypatch.undo()
    assert list(retire(s)) == WEEK[:2]


def test_a_day_that_comes_again_joins_what_is_archived_and_changes_none_of_it(s: Settings) -> None:
    retire(s)
    before = {table: archived(s, table) for table in ("bars", "forecasts")}
    store = ForecastStore.connect(s)
    again = [bar("A0", 1, 999.0), bar("A0", 2, 500.0), bar("A0", 9, 100.1)]  # minute 2 was filled
    store.store(again, [forecast("A0", 1, 999.0), forecast("A0", 4)])
    store.close()
    assert list(retire(s)) == WEEK[:1]
    bars = archived(s, "bars")
    assert len(bars) == len(before["bars"]) + 1
    assert [row["close"] for row in bars if row["symbol"] == "A0"][:5] == [100.1, 100.1, 500.0, 100.1, 100.1]
    forecasts = archived(s, "forecasts")
    assert [row for row in forecasts if row in before["forecasts"]] == before["forecasts"]
    assert len(forecasts) == len(before["forecasts"]) + 1


def test_the_versions_of_a_bar_leave_with_it_and_a_newer_one_that_comes_again_is_kept(s: Settings) -> None:
    store = ForecastStore.connect(s)
    store.store([bar("A0", 1, 200.0)._replace(revision=1)], [])
    assert retire(s)[WEEK[0]]["replaced_bars"] == 1
    assert [(row["close"], row["revision"]) for row in archived(s, "replaced_bars")] == [(100.1, 0)]
    store.store([bar("A0", 1, 300.0)._replace(revision=2), bar("A0", 3, 300.0)], [])
    store.close()
    retire(s)
    bars = [row for row in archived(s, "bars") if row["symbol"] == "A0"]
    assert [(row["close"], row["revision"]) for row in bars][1:4:2] == [(300.0, 2), (100.1, 0)]


def test_batches_of_days_ago_are_forgotten(s: Settings) -> None:
    with psycopg.connect(s.postgres(), autocommit=True) as connection:
        connection.execute(
            "update batches set stored_at = now() - interval '25 hours' where id < (select max(id) from batches)"
        )
        retire(s)
        assert connection.execute("select count(*) from batches").fetchone() == (1,)


def test_reports_and_spent_requests_of_long_ago_are_forgotten(s: Settings) -> None:
    look = "insert into looks (market_at, looked_at, model_version, report) values (now(), now() - %s, '1', '{}')"
    spent = "insert into requests_spent values (%s, now() - %s, (now() - %s)::date, 1, now() - %s)"
    with psycopg.connect(s.postgres(), autocommit=True) as connection:
        connection.execute("truncate looks, requests_spent")
        for days in (s.keep_log_days + 2, s.keep_log_days + 1, s.keep_log_days - 1):
            connection.execute(look, [timedelta(days=days)])
        for key, age in (("a", timedelta(days=9)), ("a", timedelta(days=2)), ("b", timedelta(days=9))):
            connection.execute(spent, [key, age, age, age])
        retire(s)
        assert connection.execute("select count(*) from looks").fetchone() == (1,)
        assert connection.execute("select key, count(*) from requests_spent group by 1").fetchall() == [("a", 1)]
        connection.execute("update looks set looked_at = now() - interval '1 year'")
        retire(s)
        assert connection.execute("select count(*) from looks").fetchone() == (1,)  # the page shows the newest


def test_task_logs_are_forgotten_by_their_age_and_nothing_else_is(s: Settings) -> None:
    objects, now = Objects.connect(s), datetime.now(UTC)
    kept = ["clean/a", f"logs/source={s.source}-b/task.log"]
    for key in (
        *kept,
        f"logs/source={s.source}/dag_id=x/attempt=1.log",
        f"logs/source={s.source}/dag_id=x/attempt=2.log",
    ):
        objects.put(key, b"said", "text/plain")
    assert forget_old(s) == {"logs": 0, "reports": 0, "answers": 0}
    assert Lake.connect(s).forget_task_logs(now + timedelta(days=1)) == 2
    assert objects.keys("") == kept


def test_reports_of_runs_are_forgotten_by_their_age_and_those_of_months_are_not(s: Settings) -> None:
    lake, now = Lake.connect(s), datetime.now(UTC)
    month = lake.write_quality("A", "2024-03", {"raw": "x"})
    for run in ("manual__1", "scheduled__2"):
        lake.quality.write_run(run, {"symbols": {}, "missing": {}})
    assert forget_old(s)["reports"] == 0
    assert lake.forget_run_reports(now + timedelta(days=1)) == 2
    assert lake.objects.keys("") == [month]


def test_of_a_month_the_newest_answer_and_the_one_that_is_clean_stay(s: Settings) -> None:
    lake, now = Lake.connect(s), datetime.now(UTC)
    given = [Response(s.source, "A", "2024-03", {}, at, b"%d" % at, "text/plain") for at in (1.0, 2.0, 3.0, 4.0)]
    keys = [lake.put_raw(one) for one in given]
    lake.write_quality("A", "2024-03", {"raw": keys[1]})
    assert forget_old(s.model_copy(update={"symbols": ("A",)})) == {"logs": 0, "reports": 0, "answers": 0}
    assert lake.forget_raw("A", "2024-03", now + timedelta(days=1)) == 2
    assert set(lake.raw_keys("A", "2024-03")) == {keys[1], keys[3]}


def test_what_was_refused_of_an_answer_is_forgotten_with_it(s: Settings) -> None:
    lake, now = Lake.connect(s), datetime.now(UTC)
    given = [Response(s.source, "A", "2024-03", {}, at, b"%d" % at, "text/plain") for at in (1.0, 2.0)]
    keys = [lake.put_raw(one) for one in given]
    for key in keys:
        lake.quality.write_refused("A", "2024-03", key, pd.DataFrame({"reason": ["low above open"]}))
        lake.quality.write_failed("A", "2024-03", {"raw": key}, "too many rows refused")
    assert lake.forget_raw("A", "2024-03", now + timedelta(days=1)) == 1
    assert lake.quality.has_failed("A", "2024-03", keys[1])
    assert not lake.quality.has_failed("A", "2024-03", keys[0])
    assert len(lake.objects.keys("")) == 3
