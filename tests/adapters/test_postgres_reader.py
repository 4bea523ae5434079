import math
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr

from local.status import late_forecasts
from stock_ml.adapters.postgres import reader_statements as statements
from stock_ml.adapters.postgres.connection import POOL_SIZE, Database, Pool
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.adapters.postgres.reader import RECENT, Changes, ForecastReader, Span
from stock_ml.adapters.postgres.store import BARS, BarRow, ForecastRow, ForecastStore, OfficialCloseRow, OtherRows
from stock_ml.config import Settings, load
from stock_ml.errors import BadRows, StoreUnavailable, WrongSource
from stock_ml.evaluation.live_performance import LimitBreach, MonitoringReport
from tests.servers import drop_days, tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
DAY = 1440  # minutes
EVER = 4_102_444_800_000


@pytest.fixture
def reader(postgres: Settings) -> Iterator[ForecastReader]:
    tables(postgres)
    reader = ForecastReader.connect(postgres)
    yield reader
    reader.close()


@pytest.fixture
def symbol() -> str:
    return f"R{uuid4().hex[:8].upper()}"


def bar(symbol: str, minute: int, close: float = 100.0) -> BarRow:
    return BarRow(symbol, T + 60 * minute, close, close, close, close, 10.0, False, "sandbox", False)


def forecast(symbol: str, minute: int, predicted: float = 100.0, *, late: bool = False) -> ForecastRow:
    ts, bounds = T + 60 * minute, (99.0, 101.0, 98.0, 102.0, 97.0, 103.0)
    return ForecastRow(symbol, ts, 1, ts + 60, "2024-03-01", 100.0, predicted, *bounds, "1", 0.0, ts + 61.0, late)


def fill(postgres: Settings, bars: list[BarRow], forecasts: list[ForecastRow]) -> None:
    store = ForecastStore.connect(postgres)
    store.store(bars, forecasts)
    store.close()


def close(postgres: Settings, symbol: str, minute: int, price: float) -> None:
    """Store an official close."""
    row = OfficialCloseRow(symbol, T + 60 * minute, price, 0.0, "sandbox", "2024-03-01")
    with closing(ForecastStore.connect(postgres)) as store:
        store.finish(store.begin(np.empty(0, BARS), np.empty(0, BARS), OtherRows(closes=[row])))


def test_the_newest_rows_come_ascending_and_limited(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    fill(postgres, [bar(symbol, m) for m in range(5)], [forecast(symbol, m) for m in range(5)])
    span = Span(symbol, 0, EVER, 2)
    assert [row[0] for row in reader.bars(span)] == [(T + 180) * 1000, (T + 240) * 1000]
    assert [row[0] for row in reader.forecasts(span)] == [(T + 240) * 1000, (T + 300) * 1000]


def test_a_span_holds_its_start_and_not_its_end(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    fill(postgres, [bar(symbol, m) for m in range(5)], [forecast(symbol, m) for m in range(5)])
    span = Span(symbol, (T + 60) * 1000, (T + 180) * 1000, 10)
    assert [row[0] for row in reader.bars(span)] == [(T + 60) * 1000, (T + 120) * 1000]
    assert [row[0] for row in reader.forecasts(span)] == [(T + 60) * 1000, (T + 120) * 1000]


def test_what_came_after_a_batch_is_found_by_it(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    before = reader.newest_batch()
    fill(postgres, [bar(symbol, 0), bar("OTHER" + symbol, 0)], [forecast(symbol, 0)])
    fill(postgres, [bar(symbol, 2 * DAY)], [])
    run = reader.run(before, 10)
    assert run is not None
    assert (run.batches, run.newest) == (2, reader.newest_batch())
    changes = reader.changes(run, [symbol])
    assert [row[:2] for row in changes.bars] == [(symbol, T * 1000), (symbol, (T + 60 * 2 * DAY) * 1000)]
    assert [row[:2] for row in changes.forecasts] == [(symbol, (T + 60) * 1000)]
    assert len(reader.changes(run, None).bars) == 3
    later = reader.run(run.newest, 10)
    assert later is not None
    assert reader.changes(later, None) == Changes([], [])


def test_a_batch_committed_after_later_rows_is_not_passed(
    postgres: Settings, reader: ForecastReader, symbol: str
) -> None:
    insert = "insert into bars values (%s, to_timestamp(%s), 1, 1, 1, 1, 0, false, 'sandbox', true)"
    fill(postgres, [bar(symbol, 1)], [])
    with psycopg.connect(postgres.postgres()) as slow:
        slow.execute(insert, [symbol, T])
        fill(postgres, [bar(symbol, 2)], [])
        seen = reader.newest_batch()
        slow.execute("select batch_stored(to_timestamp(%s), to_timestamp(%s))", [T, T])
    run = reader.run(seen, 10)
    assert run is not None
    assert [row[1] for row in reader.changes(run, [symbol]).bars] == [T * 1000]


def test_a_batch_that_is_forgotten_or_never_was_is_not_known(
    postgres: Settings, reader: ForecastReader, symbol: str
) -> None:
    fill(postgres, [bar(symbol, 0)], [])
    fill(postgres, [bar(symbol, 1)], [])
    with psycopg.connect(postgres.postgres()) as other:
        other.execute("delete from batches where id < %s", [reader.newest_batch()])
    assert reader.run(reader.newest_batch(), 1) is not None
    assert reader.run(reader.newest_batch() + 1, 1) is None
    assert reader.run(reader.newest_batch() - 1, 1) is None
    assert reader.run(0, 1) is None


def test_a_listener_hears_of_a_commit(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    listener = reader.listen()
    listener.wait(60)  # at once, for before it listened anything may have come
    with closing(listener), ThreadPoolExecutor(1) as thread:
        heard = thread.submit(listener.wait, 60)
        fill(postgres, [bar(symbol, 0)], [])
        heard.result(30)


def test_a_symbol_of_long_ago_is_known_as_well(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    fill(postgres, [bar(symbol, 0)], [])
    assert reader.has_symbol(symbol)
    assert not reader.has_symbol("NO" + symbol)


def test_only_forecasts_that_count_are_scored(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    bars = [bar(symbol, 0), bar(symbol, 1, 101.0), bar(symbol, 2, 104.0)]
    fill(postgres, bars, [forecast(symbol, 0, 100.5), forecast(symbol, 1, 104.0, late=True), forecast(symbol, 2)])
    score = reader.score(symbol)
    assert score[:8] == ("2024-03-01", 1, 0.5, 1.0, 0.5, None, 1.0, 1.0)
    assert score.mae_bp == pytest.approx(1e4 * math.log(101 / 100.5))
    assert (score.direction, score.moved) == (1.0, 1)


def test_each_earlier_session_has_its_score(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    sessions = ["2024-03-01", "2024-03-02", "2024-03-03"]
    for day, session in enumerate(sessions):
        made = forecast(symbol, day * DAY, 100.0 + day)._replace(session=session)
        fill(postgres, [bar(symbol, day * DAY), bar(symbol, day * DAY + 1, 102.0)], [made])
    assert [score.session for score in reader.scores_before(symbol, "2024-03-03", 4)] == sessions[1::-1]
    assert [score.mae_model for score in reader.scores_before(symbol, "2024-03-04", 2)] == [0.0, 1.0]
    assert reader.score(symbol).session == "2024-03-03"


def test_a_quote_holds_the_change_since_the_day_before_and_the_newest_forecast(
    postgres: Settings, reader: ForecastReader, symbol: str
) -> None:
    today = [bar(symbol, DAY + m, 110.0 + m) for m in range(2)]
    fill(postgres, [bar(symbol, 380), *today], [forecast(symbol, DAY), forecast(symbol, DAY + 1, 112.5)])
    quotes = reader.quotes(["NO" + symbol, symbol], 0, "America/New_York")
    assert quotes[0] == ("NO" + symbol, None, None, None, None, False)
    assert quotes[1] == (symbol, (T + (DAY + 1) * 60) * 1000, 111.0, pytest.approx(0.11), 112.5, False)


def test_the_official_close_is_the_last_price_until_the_next_sessions_bars(
    postgres: Settings, reader: ForecastReader, symbol: str
) -> None:
    fill(postgres, [bar(symbol, 0), bar(symbol, 389)], [])
    assert reader.official_close(symbol, (T + 389 * 60) * 1000) is None
    before = reader.newest_batch()
    close(postgres, symbol, 390, 104.0)
    assert reader.quotes([symbol], 0, "America/New_York")[0][2:] == (104.0, None, None, True)
    assert reader.official_close(symbol, (T + 389 * 60) * 1000) == ((T + 390 * 60) * 1000, 104.0)
    run = reader.run(before, 10)
    assert run is not None
    assert reader.changes(run, [symbol]).closes == [(symbol, (T + 390 * 60) * 1000, 104.0)]
    fill(postgres, [bar(symbol, DAY, 130.0)], [])
    quote = reader.quotes([symbol], 0, "America/New_York")[0]
    assert (quote.last, quote.change, quote.official) == (130.0, pytest.approx(0.25), False)
    assert reader.official_close(symbol, (T + DAY * 60) * 1000) is None
    close(postgres, symbol, DAY + 390, 156.0)
    quote = reader.quotes([symbol], 0, "America/New_York")[0]
    assert (quote.last, quote.change, quote.official) == (156.0, pytest.approx(0.5), True)


def test_skill_and_closes_of_many_are_read_at_once(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    bars = [bar(symbol, m, 102.0 + m) for m in range(40)]
    fill(postgres, bars, [forecast(symbol, m, 101.0) for m in range(2)])
    assert reader.skills([symbol], T * 1000, 2) == {symbol: pytest.approx(1 - (2 + 3) / (3 + 4))}
    assert reader.skills([symbol], T * 1000, 3) == {}
    assert reader.sparks([symbol, "NO" + symbol], T * 1000) == {symbol: [116.0, 131.0, 141.0]}


def test_a_reader_that_was_closed_opens_nothing_any_more(postgres: Settings) -> None:
    tables(postgres)
    reader = ForecastReader.connect(postgres)
    reader.ping()
    reader.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        reader.ping()


def test_the_open_alert_and_the_newest_report_are_read(postgres: Settings, reader: ForecastReader) -> None:
    store = MonitoringStore.connect(postgres)
    store.close_alert(time.time() + 60)
    assert reader.monitoring().alert is None
    store.write_report(MonitoringReport("3", 2000, 1.0, 1.1, 0.09, 1.0, 0.5, 0.9, 0.99, {"gap": 0.3}, {"gap": 0.1}), T)
    store.raise_alert(LimitBreach("skill", "behind the last price"), "3", T)
    alert, report = reader.monitoring()
    store.close_alert(time.time() + 60)
    store.close()
    assert alert == {"kind": "skill", "reason": "behind the last price", "model_version": "3", "market_at": T * 1000}
    assert report is not None
    assert (report["skill"], report["coverage_90"], report["market_at"]) == (0.09, 0.9, T * 1000)
    assert report["unusual"] == {"gap": 0.1}
    assert (report["late"], report["alarm"]) == (0.0, None)


def test_the_share_of_late_forecasts_is_told_also_where_nothing_counts(
    postgres: Settings, reader: ForecastReader
) -> None:
    store = MonitoringStore.connect(postgres)
    nothing = MonitoringReport("3", 0, *([None] * 7), {}, {}, made=400, late=0.25)
    store.write_report(nothing, T)
    assert late_forecasts(postgres) == "25%"
    store.write_report(nothing._replace(late=1.0, alarm="100% of 400 forecasts …"), T)
    report = reader.monitoring().report
    store.close()
    assert report is not None
    assert (report["skill"], report["late"], report["alarm"]) == (None, 1.0, "100% of 400 forecasts …")
    assert late_forecasts(postgres) == "100% of 400 forecasts …"


def test_a_symbol_without_rows_has_an_empty_score(reader: ForecastReader, symbol: str) -> None:
    assert reader.score(symbol)[:3] == (None, 0, None)
    assert reader.last_bar(symbol) is None


def test_every_symbol_with_a_bar_is_listed_once(postgres: Settings, reader: ForecastReader, symbol: str) -> None:
    fill(postgres, [bar(symbol, 0), bar(symbol, 1), bar("<script>", 0)], [])
    known = reader.symbols()
    assert known.count(symbol) == 1
    assert "<script>" in known


@pytest.mark.parametrize("query", [statements.LAST_BAR, statements.SYMBOLS])
def test_what_is_newest_is_looked_for_in_the_recent_days_only(
    postgres: Settings, reader: ForecastReader, symbol: str, query: str
) -> None:
    fill(postgres, [bar(symbol, day * DAY) for day in range(15)], [])
    values = {"symbol": symbol, "recent": reader.recent()}
    plan = "\n".join(line for (line,) in reader._pool.rows(f"explain {query}", values))
    days = set(re.findall(r"\bbars_\d{8}", plan))
    assert 1 <= len(days) <= RECENT


def test_a_query_that_takes_too_long_is_told_as_such(reader: ForecastReader) -> None:
    reader._pool.rows("select set_config('statement_timeout', '1', false)", {})
    with pytest.raises(StoreUnavailable, match="cancelled a query: canceling statement due to statement timeout"):
        reader._pool.rows("select pg_sleep(9)", {})


def test_threads_that_ask_at_once_wait_for_a_free_connection(reader: ForecastReader) -> None:
    with ThreadPoolExecutor(3 * POOL_SIZE) as threads:
        pids = {row[0][0] for row in threads.map(ask_for_pid, [reader] * 3 * POOL_SIZE)}
    assert len(pids) <= POOL_SIZE


def ask_for_pid(reader: ForecastReader) -> list[tuple[int, None]]:
    return reader._pool.rows("select pg_backend_pid(), pg_sleep(0.01)", {})


def test_a_connection_that_the_server_ended_costs_no_answer(postgres: Settings, reader: ForecastReader) -> None:
    reader.ping()
    with psycopg.connect(postgres.postgres(), autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'stockml dashboard' and usename = current_user"
        )
    reader.ping()


def test_nothing_can_be_written_through_it(reader: ForecastReader) -> None:
    with pytest.raises(StoreUnavailable, match="accepts no writes: cannot execute DELETE in a read-only transaction"):
        reader._pool.rows("delete from bars", {})


def test_a_database_that_is_away_is_one_typed_error_without_the_password() -> None:
    reader = ForecastReader.connect(load(postgres_url=SecretStr("postgresql://stockml:secret@127.0.0.1:1")))
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 does not answer") as away:
        reader.ping()
    assert "secret" not in str(away.value)


def test_missing_tables_are_said_to_be_missing(postgres: Settings) -> None:
    reader = ForecastReader(Pool(Database(postgres.postgres("postgres"), "test", "sandbox")), 1)
    with closing(reader), pytest.raises(StoreUnavailable, match="lacks the tables"):
        reader.symbols()


def test_the_bars_of_another_source_are_not_shown(postgres: Settings, reader: ForecastReader) -> None:
    other = ForecastReader.connect(postgres.model_copy(update={"source": "csv"}))
    for _ in range(2):
        with pytest.raises(WrongSource, match="holds bars of source sandbox, but this installation uses source csv"):
            other.symbols()
    other.close()


@pytest.fixture
def absurd(postgres: Settings, reader: ForecastReader, symbol: str) -> Iterator[str]:
    """A symbol with bars past the gate, whose change and whose sums are beyond what a number holds."""
    drop_days(postgres)
    name = "BAD" + symbol
    fill(postgres, [bar(name, 380, 1e-300), *(bar(name, DAY + m, 1.7e308) for m in range(3))], [])
    fill(postgres, [], [forecast(name, DAY + m) for m in range(2)])
    yield name
    with psycopg.connect(postgres.postgres()) as connection:
        connection.execute("delete from bars where symbol = %s", [name])


def test_absurd_rows_of_a_symbol_are_an_error_of_their_own(reader: ForecastReader, absurd: str) -> None:
    with pytest.raises(BadRows, match="cannot compute with the rows that it holds: value out of range: overflow"):
        reader.score(absurd)


def test_absurd_rows_of_one_symbol_keep_quotes_and_skills_from_no_other_one(
    postgres: Settings, reader: ForecastReader, symbol: str, absurd: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(postgres, [bar(symbol, m, 102.0) for m in range(3)], [forecast(symbol, m, 101.0) for m in range(2)])
    others = [f"{symbol}{number}" for number in range(20)]
    names = [*others[:7], absurd, *others[7:], symbol]
    quotes = reader.quotes(names, 0, "America/New_York")
    assert [quote.symbol for quote in quotes] == names
    assert quotes[-1].last == 102.0
    assert (quotes[7].last, quotes[7].change) == (1.7e308, math.inf)
    assert reader.skills(names, T * 1000, 1) == {symbol: 0.5}
    assert f"no skill of {absurd}" in caplog.text
