from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg.rows import namedtuple_row
from pydantic import SecretStr

from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.store import (
    REPLACED_BARS,
    UNFILLED,
    Around,
    BarRow,
    ForecastRow,
    Forecasts,
    ForecastStore,
    OfficialCloseRow,
    OtherRows,
    Rows,
    Stored,
)
from stock_ml.adapters.postgres.store import table as table_of
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialClose
from stock_ml.domain.outliers import are_confirmed
from stock_ml.errors import StoreUnavailable, WrongSource
from tests.servers import tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York


@pytest.fixture
def store(settings: Settings, postgres: object) -> Iterator[ForecastStore]:
    tables(settings)
    store = ForecastStore.connect(settings)
    yield store
    store.close()


@pytest.fixture
def symbol() -> str:
    return f"T{uuid4().hex[:8].upper()}"


def rows(settings: Settings, relation: str, symbol: str) -> list[Any]:
    with psycopg.connect(settings.postgres(), row_factory=namedtuple_row) as connection:
        return connection.execute(f"select * from {relation} where symbol = %s order by 2", [symbol]).fetchall()  # noqa: S608 - names of this file


def bar(symbol: str, minute: int, close: float = 100.25, *, filled: bool = False, late: bool = False) -> BarRow:
    return BarRow(symbol, T + 60 * minute, close, close + 1, close - 1, close, 10.0, filled, "sandbox", late)


def forecast(
    symbol: str, minute: int, predicted: float = 101.0, *, late: bool = False, trained_until: float = 0
) -> ForecastRow:
    ts = T + 60 * minute
    bounds = (99.0, 103.0, 98.0, 104.0, 97.0, 105.0)
    return ForecastRow(
        symbol, ts, 1, ts + 60, "2024-03-01", 100.25, predicted, *bounds, "1", trained_until, ts + 61.5, late
    )


def official(symbol: str, day: int, close: float, volume: float) -> OfficialCloseRow:
    return OfficialCloseRow(symbol, T + 86_400 * day, close, volume, "sandbox", "2024-03-01")


def batches(settings: Settings) -> int:
    with psycopg.connect(settings.postgres()) as connection:
        return int(connection.execute("select count(*) from batches").fetchone()[0])  # type: ignore[index]  # one row


def write(
    store: ForecastStore, insert: Rows, merge: Rows | None = None, closes: Sequence[OfficialCloseRow] = ()
) -> Stored:
    """Store rows as the consumer does."""
    merge = merge or Rows.of()
    writing = store.begin(insert.bars, merge.bars, OtherRows(closes=closes))
    return store.finish(writing, Forecasts(*insert[1:3]), Forecasts(*merge[1:3]))


def test_migrations_run_twice_and_change_nothing(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([bar(symbol, 0)], [])
    migrate(settings)
    assert len(rows(settings, "bars", symbol)) == 1


def test_a_database_of_another_source_is_refused_and_stays_as_it_is(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    other = settings.model_copy(update={"source": "alpha_vantage"})
    with pytest.raises(
        WrongSource, match="holds bars of source sandbox, but this installation uses source alpha_vantage"
    ):
        migrate(other)
    refused = ForecastStore.connect(other)
    for _ in range(2):
        with pytest.raises(WrongSource, match="STOCKML_POSTGRES_URL"):
            refused.store([bar(symbol, 0)._replace(source="alpha_vantage")], [])
    refused.close()
    assert rows(settings, "bars", symbol) == []
    migrate(settings)


def test_the_same_batch_twice_changes_nothing(settings: Settings, store: ForecastStore, symbol: str) -> None:
    batch = [bar(symbol, 0), bar(symbol, 1, filled=True)], [forecast(symbol, 0)]
    assert store.store(*batch) == (2, 1)
    before = rows(settings, "bars", symbol), rows(settings, "forecasts", symbol)
    assert store.store(*batch) == (0, 0)
    assert (rows(settings, "bars", symbol), rows(settings, "forecasts", symbol)) == before


def test_new_rows_are_stored_as_others_are_and_change_nothing_where_they_are_stored_already(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    other = f"{symbol}XY"
    new = Rows.of([bar(symbol, 0), bar(other, 1, filled=True)], [forecast(symbol, 0), forecast(other, 1)])
    assert write(store, new, Rows.of([bar(symbol, 5)])) == (3, 2)
    once = [rows(settings, relation, name) for relation in ("bars", "forecasts") for name in (symbol, other)]
    assert write(store, new, Rows.of([bar(symbol, 5)])) == (0, 0)
    assert [rows(settings, relation, name) for relation in ("bars", "forecasts") for name in (symbol, other)] == once
    store.store([bar(f"{symbol}B", 0)], [forecast(f"{symbol}B", 0)])
    kept = [rows(settings, relation, f"{symbol}B")[0] for relation in ("bars", "forecasts")]
    but = {"symbol": "", "stored_at": None}
    assert [row._replace(**but) for row in kept] == [once[0][0]._replace(**but), once[2][0]._replace(**but)]


def test_of_new_rows_some_of_which_are_stored_the_others_are_new(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0, 100.0)], [forecast(symbol, 0)])
    new = Rows.of([bar(symbol, 0, 200.0), bar(symbol, 1)], [forecast(symbol, 0), forecast(symbol, 1)])
    assert write(store, new) == (1, 1)
    assert [row.close for row in rows(settings, "bars", symbol)] == [100.0, 100.25]


def test_a_stored_forecast_never_changes(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([], [forecast(symbol, 0, 101.0)])
    store.store([], [forecast(symbol, 0, 555.0)])
    assert [row.predicted_close for row in rows(settings, "forecasts", symbol)] == [101.0]


def test_a_received_bar_never_changes_and_a_filled_one_gives_way(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0, 100.0), bar(symbol, 1, 100.0, filled=True)], [])
    store.store([bar(symbol, 0, 200.0), bar(symbol, 1, 200.0, late=True)], [])
    kept = rows(settings, "bars", symbol)
    assert [(row.close, row.filled, row.late) for row in kept] == [(100.0, False, False), (200.0, False, True)]


def versions(settings: Settings, symbol: str) -> list[tuple[int, int, float]]:
    """Return minute, revision and close of the bars that were replaced."""
    found = rows(settings, "replaced_bars", symbol)
    return sorted((int(row.ts.timestamp() - T) // 60, row.revision, row.close) for row in found)


def test_a_newer_version_takes_a_bars_place_and_the_replaced_one_is_kept(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    first, second = bar(symbol, 0, 100.0, late=True), bar(symbol, 0, 200.0)._replace(revision=1)
    store.store([first, bar(symbol, 1, 100.0, filled=True)], [])
    before = rows(settings, "bars", symbol)[0]
    for again in range(2):
        assert store.store([second], [])[0] == 1 - again
        kept = rows(settings, "bars", symbol)[0]
        assert (kept.close, kept.revision, kept.late) == (200.0, 1, True)
        assert kept.stored_at > before.stored_at
        (replaced,) = rows(settings, "replaced_bars", symbol)
        assert (replaced.close, replaced.revision, replaced.stored_at) == (100.0, 0, before.stored_at)
        assert not replaced.late
    store.store([first, bar(symbol, 1, 150.0)._replace(revision=3)], [])
    assert [row.close for row in rows(settings, "bars", symbol)] == [200.0, 150.0]
    assert versions(settings, symbol) == [(0, 0, 100.0)]  # a filled bar is no version
    store.store([second._replace(close=200.5, revision=4)], [])
    assert versions(settings, symbol) == [(0, 0, 100.0), (0, 1, 200.0)]
    assert store.received({symbol: T}, 5)[symbol][0].revision == 4
    assert store.newest({symbol: Around(T, T)}, 5)["revision"].tolist() == [4, 3]


def test_a_version_that_comes_after_a_newer_one_joins_the_replaced_bars(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0, 200.0)._replace(revision=2)], [])
    columns = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    late = table_of(REPLACED_BARS, 1, symbol=symbol.encode(), ts=T, revision=1, late=True, volume=10.0, **columns)
    for count in (1, 0):
        stored = store.finish(store.begin(Rows.of().bars, Rows.of().bars, OtherRows(late)))
        assert (stored, versions(settings, symbol)) == ((0, 0), [(0, 1, 100.0)]), count
    assert rows(settings, "bars", symbol)[0].close == 200.0


@pytest.mark.parametrize(
    ("shown", "counts"), [([100.0, 200.0], 100.0), ([100.0, 200.0, 300.0], 100.0), ([None, 200.0], None)]
)
def test_an_outcome_is_the_newest_version_and_a_scale_goes_on_from_the_first(
    settings: Settings, store: ForecastStore, symbol: str, shown: list[float | None], counts: float | None
) -> None:
    store.store([], [forecast(symbol, 0)])
    for number, close in enumerate(shown):
        row = bar(symbol, 1, close or 900.0)._replace(revision=number, outlier=close is None)
        store.store([row], [])
    assert [row.actual_close for row in rows(settings, "outcomes", symbol)] == [shown[-1]]
    close = store.newest_forecasts([symbol], 1)["close"].tolist()
    assert close == [pytest.approx(counts or np.nan, nan_ok=True)]


def test_a_late_bar_may_make_another_an_outlier_or_none_and_changes_no_price(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    one, late = bar(symbol, 1), bar(symbol, 2, late=True)
    store.store([one, late], [forecast(symbol, 0)])
    assert len(rows(settings, "outcomes", symbol)) == 1
    turned = [one._replace(outlier=True), one._replace(ts=late.ts, outlier=True)]
    assert store.store(turned).bars == 2
    stored = rows(settings, "bars", symbol)
    assert [(row.outlier, row.late, row.filled) for row in stored] == [(True, False, False), (True, True, False)]
    assert rows(settings, "outcomes", symbol) == []
    assert np.isnan(store.newest_forecasts([symbol], 1)["close"]).all()
    assert store.store([one._replace(close=99.0), late]).bars == 1
    assert [(row.outlier, row.close) for row in rows(settings, "bars", symbol)] == [(True, 100.25), (False, 100.25)]


def test_a_minute_that_is_filled_no_more_is_deleted_and_a_received_bar_there_stays(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    filled = [bar(symbol, number)._replace(filled=True, volume=0.0) for number in (1, 2)]
    store.store([bar(symbol, 0), *filled, bar(symbol, 3)], [])
    unfilled = table_of(UNFILLED, 2, symbol=symbol.encode(), ts=[T + 60, T + 180])
    for _ in range(2):
        store.finish(store.begin(Rows.of().bars, Rows.of().bars, OtherRows(unfilled=unfilled)))
        assert [(row.ts.timestamp() - T, row.filled) for row in rows(settings, "bars", symbol)] == [
            (0, False),
            (120, True),
            (180, False),
        ]


def test_of_several_official_closes_of_a_session_the_largest_volume_stays_and_of_those_the_newest(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    several = [official(symbol, 0, close, volume) for volume, close in ((0, 90), (7, 93), (7, 92), (1, 99))]
    for order in (several, [several[3], *several[:3]]):
        store.forget([symbol])
        for one in order:
            write(store, Rows.of(), closes=[one])
        assert store.official_closes([symbol], 0) == [OfficialClose(symbol, T, 92.0, 7.0, "sandbox")]
    [row] = rows(settings, "official_closes", symbol)
    assert (str(row.session), row.source) == ("2024-03-01", "sandbox")


def test_an_official_close_is_stored_with_its_batch_or_not_at_all(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    one = official(symbol, 0, 101.0, 0.0)
    with pytest.raises(psycopg.errors.CheckViolation):
        write(store, Rows.of([bar(symbol, 0)], [forecast(symbol, 0)._replace(target_ts=T)]), closes=[one])
    assert store.official_closes([symbol], 0) == []
    write(store, Rows.of([bar(symbol, 0)]), closes=[one])
    write(store, Rows.of([bar(symbol, 0)]), closes=[one])  # delivered again: bars are merged, and it changes nothing
    assert [found.close for found in store.official_closes([symbol], 0)] == [101.0]
    assert store.official_closes([symbol], T + 1) == []


def test_a_batch_with_an_official_close_alone_is_told_to_readers_once(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    before = batches(settings)
    write(store, Rows.of(), closes=[official(symbol, 0, 101.0, 0.0)])
    assert batches(settings) == before + 1
    write(store, Rows.of(), closes=[official(symbol, 0, 101.0, 0.0)])
    assert batches(settings) == before + 1


def test_forgotten_symbols_lose_their_official_closes(store: ForecastStore, symbol: str) -> None:
    write(store, Rows.of(), closes=[official(symbol, 0, 101.0, 0.0), official(symbol + "B", 0, 102.0, 0.0)])
    store.forget([symbol])
    assert [close.symbol for close in store.official_closes([symbol, symbol + "B"], 0)] == [symbol + "B"]


def test_a_batch_that_fails_stores_nothing_of_it(settings: Settings, store: ForecastStore, symbol: str) -> None:
    broken = forecast(symbol, 0)._replace(target_ts=T)  # no later than its bar
    with pytest.raises(psycopg.errors.CheckViolation):
        store.store([bar(symbol, 0)], [broken])
    with pytest.raises(psycopg.errors.CheckViolation):
        write(store, Rows.of([bar(symbol, 0)], [broken]))
    assert rows(settings, "bars", symbol) == []
    assert store.store([bar(symbol, 0)], [forecast(symbol, 0)]) == (1, 1)


def test_nothing_is_stored_before_it_is_finished_and_what_is_cancelled_is_sent_anew(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    bars, forecasts, shadows, _ = Rows.of([bar(symbol, 0)], [forecast(symbol, 0)])
    writing = store.begin(bars, Rows.of([bar(symbol, 1)]).bars)
    assert rows(settings, "bars", symbol) == []
    store.cancel(writing)
    store.cancel(writing)
    assert store.store([bar(symbol, 7)]) == (1, 0)  # no transaction is left open
    assert len(rows(settings, "bars", symbol)) == 1
    assert store.finish(writing, Forecasts(forecasts, shadows)) == (2, 1)
    assert store.finish(writing, Forecasts(forecasts, shadows)) == (0, 0)
    assert [row.ts.timestamp() for row in rows(settings, "bars", symbol)] == [T, T + 60, T + 420]


def test_a_connection_that_breaks_while_forecasts_are_made_is_opened_again_and_the_same_rows_are_stored(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    new = Rows.of([bar(symbol, 0)], [forecast(symbol, 0)])
    writing = store.begin(new.bars, Rows.of().bars)
    with psycopg.connect(settings.postgres(), autocommit=True) as other:
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = %s"
        other.execute(ended, ["stockml store"])
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.finish(writing, Forecasts(new.forecasts))
    assert rows(settings, "bars", symbol) == []
    assert store.finish(writing, Forecasts(new.forecasts)) == (1, 1)
    later = store.begin(Rows.of([bar(symbol, 1)]).bars, Rows.of().bars)
    store.close()
    assert len(rows(settings, "bars", symbol)) == 1
    assert store.finish(later) == (1, 0)  # over another connection


def test_each_value_is_stored_in_its_own_column_and_comes_back_from_it_whatever_the_order_of_columns(
    settings: Settings, store: ForecastStore, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = BarRow(symbol, T, 2.0, 4.0, 1.0, 3.0, 5.0, False, "sandbox", True)
    foretold = forecast(symbol, 0)._replace(stretch_50=0.25, stretch_90=0.5, stretch_99=0.75)
    given = Rows.of([one, one._replace(ts=T + 60, close=3.5)], [foretold])
    turned = Rows(*(table[list(reversed(table.dtype.names or ()))] for table in given))
    assert write(store, turned) == (2, 1)
    second = Rows(*(table.copy() for table in turned))
    for name, table in (("symbol", second.bars), ("symbol", second.forecasts)):
        table[name] = f"{symbol}M"
    assert write(store, Rows.of(), second) == (2, 1)  # by way of the temporary tables
    for name in (symbol, f"{symbol}M"):
        stored, made = rows(settings, "bars", name)[0], rows(settings, "forecasts", name)[0]
        assert [getattr(stored, field) for field in BarRow._fields[2:]] == list(one[2:])
        assert [getattr(made, field) for field in ForecastRow._fields[5:14]] == list(foretold[5:14])
        assert [getattr(made, field) for field in ForecastRow._fields[16:]] == list(foretold[16:])
    module = "stock_ml.adapters.postgres.store.store"
    usual = store.newest({symbol: Around(T, T)}, 1), store.newest_forecasts([symbol], 1)
    for name, table in zip(("STORED_BARS", "STORED_FORECASTS"), usual, strict=True):
        monkeypatch.setattr(f"{module}.{name}", table[list(reversed(table.dtype.names))][:0].dtype)
    again = store.newest({symbol: Around(T, T)}, 1), store.newest_forecasts([symbol], 1)
    for before, after in zip(usual, again, strict=True):
        assert before.dtype.names == tuple(reversed(after.dtype.names))
        assert all(before[name].tolist() == after[name].tolist() for name in before.dtype.names)


def test_a_challengers_forecasts_stand_apart_each_once_a_version(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0), bar(symbol, 1, 102.0)], [forecast(symbol, 0)])
    first = Rows.of((), (), [forecast(symbol, 0)])
    other = Rows.of((), (), [forecast(symbol, 0)._replace(model_version="2"), forecast(symbol, 0, 555.0)])
    write(store, first)
    write(store, Rows.of(), other)
    write(store, first)
    kept = rows(settings, "shadow_outcomes", symbol)
    assert sorted((row.model_version, row.predicted_close, row.actual_close) for row in kept) == [
        ("1", 101.0, 102.0),
        ("2", 101.0, 102.0),
    ]
    assert len(rows(settings, "forecasts", symbol)) == 1
    store.forget([symbol])
    assert rows(settings, "shadow_forecasts", symbol) == []


def test_only_forecasts_made_in_time_and_after_training_count(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    trained = T + 60.0
    made = [forecast(symbol, 0, trained_until=trained), forecast(symbol, 1, trained_until=trained)]
    made += [forecast(symbol, 2, trained_until=trained), forecast(symbol, 3, trained_until=trained, late=True)]
    store.store([bar(symbol, minute) for minute in range(6)], made)
    assert [row.counts for row in rows(settings, "outcomes", symbol)] == [False, False, True, False]


def test_an_outcome_is_there_when_the_target_bar_came(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([bar(symbol, 0)], [forecast(symbol, 0)])
    assert rows(settings, "outcomes", symbol) == []
    store.store([bar(symbol, 1, 102.0)], [])
    assert [row.actual_close for row in rows(settings, "outcomes", symbol)] == [102.0]


@pytest.mark.parametrize(
    ("minute", "close", "count"), [(4, 101.0, 0), (16, 105.9, 2), (16, 106.2, 0), (17, 104.0, 1), (18, 104.0, 0)]
)
def test_a_jump_is_an_outcome_where_the_next_usable_bar_confirms_it(
    settings: Settings, store: ForecastStore, symbol: str, minute: int, close: float, count: int
) -> None:
    jump = [bar(symbol, minute, 104.0)._replace(outlier=True) for minute in (1, 2)]
    later = [bar(symbol, 3, 104.0, filled=True), bar(symbol, minute, close), bar(symbol, 20, 104.0)]
    store.store([bar(symbol, 0), *jump], [forecast(symbol, 0), forecast(symbol, 1)])
    assert rows(settings, "outcomes", symbol) == []
    store.store(later)
    usable = Minutes.of_bars([Bar(*each[:7], "sandbox") for each in later if not each.filled])
    expected = are_confirmed(Minutes.of_bars([Bar(*each[:7], "sandbox") for each in jump]), usable)
    found = [row.target_ts.timestamp() for row in rows(settings, "outcomes", symbol)]
    assert len(found) == count
    assert found == [each.ts for each, confirmed in zip(jump, expected.tolist(), strict=True) if confirmed]
    assert [row.actual_close for row in rows(settings, "outcomes", symbol)] == [104.0] * len(found)
    assert np.isnan(store.newest_forecasts([symbol], 1)["close"]).all()  # no interval moves by it


def test_received_bars_come_back_from_some_rows_before_a_time_on_without_filled_ones(
    store: ForecastStore, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.store([bar(symbol, minute, filled=minute == 2) for minute in range(6)], [])
    found = store.received({symbol: T + 240, "NONE": T}, 2)
    assert [b.ts for b in found[symbol]] == [T + 60, T + 180, T + 240, T + 300]
    assert found[symbol][0] == Bar(symbol, T + 60, 100.25, 101.25, 99.25, 100.25, 10.0, "sandbox")
    assert found["NONE"] == []
    assert len(store.received({symbol: T + 240}, 100)[symbol]) == 5
    table = store.newest({"NONE": Around(T, T), symbol: Around(T, T + 240)}, 2)
    assert table["place"].tolist() == [1, 1, 1, 1]
    assert [tuple(row)[1:7] for row in table.tolist()] == [b[1:7] for b in found[symbol]]
    assert len(store.newest({"NONE": Around(T, T)}, 2)) == 0
    assert store.newest({symbol: Around(T + 180, T + 240)}, 2)["ts"].tolist() == [T + 180, T + 240, T + 300]
    monkeypatch.setattr("stock_ml.adapters.postgres.store.store.PIECE", 1)
    assert store.newest({"NONE": Around(T, T), symbol: Around(T, T + 240)}, 2).tolist() == table.tolist()


def test_the_newest_forecasts_come_back_with_their_stretches_and_what_came_of_them(
    store: ForecastStore, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stretched = [forecast(symbol, at)._replace(stretch_50=0.5, stretch_90=-at / 8, stretch_99=2.0) for at in range(4)]
    store.store([bar(symbol, at, 100.0 + at) for at in range(4)], stretched)
    newest = store.newest_forecasts(["NONE", symbol], 1)
    assert newest["bar_ts"].tolist() == [T + 180]
    assert np.isnan(newest["close"]).all()
    store.store([bar(symbol, 4, 104.0)], [])
    monkeypatch.setattr("stock_ml.adapters.postgres.store.store.PIECE", 1)
    row = store.newest_forecasts(["NONE", symbol], 1).tolist()
    assert row == [(1, T + 180, T + 240, 99.0, 103.0, 98.0, 104.0, 97.0, 105.0, 0.5, -0.375, 2.0, 104.0)]
    assert len(store.newest_forecasts(["NONE"], 1)) == 0


def test_a_state_is_replaced_and_says_how_old_it_is(store: ForecastStore) -> None:
    service = f"test-{uuid4().hex}"
    assert store.read_state(service) is None
    store.write_state(service, {"now": 1.0})
    store.write_state(service, {"now": 2.0})
    state, age = store.read_state(service) or ({}, -1.0)
    assert state == {"now": 2.0}
    assert 0 <= age < 60


def test_of_several_members_the_row_tells_the_lag_of_all_and_what_any_waits_for_until_one_is_silent(
    settings: Settings, store: ForecastStore
) -> None:
    service, ready = f"test-{uuid4().hex}", {"model_version": "7", "waiting": None}
    store.write_member(service, "a", ready | {"lag": 5, "waiting": "MLflow is away"})
    store.write_member(service, "b", ready | {"lag": 30, "model_version": "8"})
    state, age = store.read_state(service) or ({}, -1.0)
    assert (state["lag"], state["waiting"], state["model_version"]) == (35, "MLflow is away", "8")
    assert {name: word["lag"] for name, word in state["members"].items()} == {"a": 5, "b": 30}
    assert 0 <= age < 60
    store.write_member(service, "a", ready | {"lag": 2})
    state, _ = store.read_state(service) or ({}, -1.0)
    assert (state["lag"], state["waiting"]) == (32, None)
    with psycopg.connect(settings.postgres(), autocommit=True) as connection:
        silent = "update service_state set state = jsonb_set(state, '{members,b,at}', '0') where service = %s"
        connection.execute(silent, [service])
    store.write_member(service, "a", ready | {"lag": 1})
    state, _ = store.read_state(service) or ({}, -1.0)
    assert (state["lag"], list(state["members"])) == (1, ["a"])


def test_a_broken_connection_is_named_and_the_next_call_has_a_new_one(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0)], [])
    with psycopg.connect(settings.postgres(), autocommit=True) as other:
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stockml store'")
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{settings.postgres_port} does not answer"):
        store.store([bar(symbol, 1)], [])
    assert store.store([bar(symbol, 1)], []) == (1, 0)


def test_a_server_that_is_away_is_named_without_the_password(settings: Settings) -> None:
    away = settings.model_copy(update={"postgres_port": 1, "postgres_password": SecretStr("hidden")})
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 does not answer") as refused:
        ForecastStore.connect(away).store([], [])
    assert "hidden" not in str(refused.value)


def test_what_is_held_is_counted_and_can_be_forgotten(store: ForecastStore, symbol: str) -> None:
    before, other = store.now(), f"{symbol}X"
    batch = [bar(symbol, 0), bar(symbol, 1, filled=True), bar(symbol, 2), bar(symbol, 9), bar(other, 0)]
    store.store(batch, [forecast(symbol, 0), forecast(symbol, 2, late=True), forecast(symbol, 9), forecast(other, 0)])
    assert store.has_timely(before)
    assert not store.has_timely(store.now())
    assert store.count_stored([symbol], 1, T, T + 120) == (2, 1)
    assert store.count_stored([symbol], 2, T, T + 120) == (2, 0)
    assert store.forget([symbol]) == (4, 3)
    assert store.count_stored([symbol], 1, T, T + 900) == (0, 0)
    assert store.count_stored([other], 1, T, T + 900) == (1, 1)


def test_the_first_rows_of_a_day_make_its_partitions_also_by_two_stores_at_once(
    settings: Settings, symbol: str
) -> None:
    stores = [ForecastStore.connect(settings) for _ in range(2)]
    days = [T + 86_400 * (400 + day) for day in range(5)]
    batches = [[bar(f"{symbol}{n}", 0)._replace(ts=ts) for ts in days] for n in range(2)]
    made = [forecast(symbol, 0)._replace(bar_ts=ts + 86_400, target_ts=ts + 86_460) for ts in days]
    threads = [Thread(target=store.store, args=(batch, made)) for store, batch in zip(stores, batches, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(rows(settings, "bars", f"{symbol}{n}")) for n in range(2)] == [5, 5]
    assert len(rows(settings, "forecasts", symbol)) == 5
    with psycopg.connect(settings.postgres()) as connection:
        day = f"bars_{np.datetime64(days[0], 's').astype(str)[:10].replace('-', '')}"
        assert connection.execute(f"select count(*) from {day}").fetchone() == (2,)  # noqa: S608 - a name of this file
    for store in stores:
        store.close()


def test_batches_are_numbered_in_the_order_of_their_commits_and_announced(settings: Settings, symbol: str) -> None:
    store = ForecastStore.connect(settings)
    with psycopg.connect(settings.postgres(), autocommit=True) as heard, psycopg.connect(settings.postgres()) as slow:
        heard.execute("listen stored")
        before = highest(heard)
        slow.execute("select batch_stored(now(), now())")  # not committed yet: what is stored now must wait for it
        storing = Thread(target=store.store, args=([bar(symbol, 0), bar(symbol, 7)], [forecast(symbol, 3)]))
        storing.start()
        waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
        while heard.execute(waiting).fetchone() != (True,):
            pass
        assert highest(heard) == before
        slow.commit()
        storing.join()
        told = [int(notice.payload) for notice in heard.notifies(timeout=5, stop_after=2)]
        assert told == [highest(heard) - 1, highest(heard)]
        first, last, new = heard.execute(
            "select extract(epoch from first)::int, extract(epoch from last)::int, array_agg(ts) from batches"
            " join bars using (stored_at) where ts between first and last and id = %s group by 1, 2",
            [told[1]],
        ).fetchone() or (0, 0, [])
    assert (first, last, len(new)) == (T, T + 420, 2)
    store.store([bar(symbol, 0)], [])
    with psycopg.connect(settings.postgres()) as connection:
        assert highest(connection) == told[1]  # what changes nothing is no batch
    store.close()


def highest(connection: psycopg.Connection[Any]) -> int:
    (found,) = connection.execute("select coalesce(max(id), 0) from batches").fetchone() or (0,)
    return int(found)
