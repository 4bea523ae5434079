from collections.abc import Iterator
from uuid import uuid4

import pytest

from stock_ml.adapters.forecast_store import BarRow, ForecastRow, ForecastStore, Reader, migrate
from stock_ml.config import Settings

T = 1_709_303_400  # 2024-03-01 09:30 in New York


@pytest.fixture
def store(settings: Settings, postgres: object) -> Iterator[ForecastStore]:
    migrate(settings)
    store = ForecastStore.connect(settings)
    yield store
    store.close()


@pytest.fixture
def symbol() -> str:
    return f"T{uuid4().hex[:8].upper()}"


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


def test_migrations_run_twice_and_change_nothing(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([bar(symbol, 0)], [])
    migrate(settings)
    assert len(Reader.connect(settings).bars(symbol)) == 1


def test_the_same_batch_twice_changes_nothing(settings: Settings, store: ForecastStore, symbol: str) -> None:
    batch = [bar(symbol, 0), bar(symbol, 1, filled=True)], [forecast(symbol, 0)]
    assert store.store(*batch) == (2, 1)
    before = Reader.connect(settings).bars(symbol), Reader.connect(settings).forecasts(symbol)
    assert store.store(*batch) == (0, 0)
    assert (Reader.connect(settings).bars(symbol), Reader.connect(settings).forecasts(symbol)) == before


def test_a_stored_forecast_never_changes(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([], [forecast(symbol, 0, 101.0)])
    store.store([], [forecast(symbol, 0, 555.0)])
    assert [row["predicted_close"] for row in Reader.connect(settings).forecasts(symbol)] == [101.0]


def test_a_received_bar_never_changes_and_a_filled_one_gives_way(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    store.store([bar(symbol, 0, 100.0), bar(symbol, 1, 100.0, filled=True)], [])
    store.store([bar(symbol, 0, 200.0), bar(symbol, 1, 200.0, late=True)], [])
    rows = Reader.connect(settings).bars(symbol)
    assert [(row["close"], row["filled"], row["late"]) for row in rows] == [(100.0, False, False), (200.0, False, True)]


def test_a_batch_that_fails_stores_nothing_of_it(settings: Settings, store: ForecastStore, symbol: str) -> None:
    broken = forecast(symbol, 0)._replace(predicted_close=None)  # type: ignore[arg-type]  # the database refuses it
    with pytest.raises(Exception, match="predicted_close"):
        store.store([bar(symbol, 0)], [broken])
    assert Reader.connect(settings).bars(symbol) == []
    assert store.store([bar(symbol, 0)], [forecast(symbol, 0)]) == (1, 1)


def test_only_forecasts_made_in_time_and_after_training_count(
    settings: Settings, store: ForecastStore, symbol: str
) -> None:
    trained = T + 60.0
    made = [forecast(symbol, 0, trained_until=trained), forecast(symbol, 1, trained_until=trained)]
    made += [forecast(symbol, 2, trained_until=trained), forecast(symbol, 3, trained_until=trained, late=True)]
    store.store([bar(symbol, minute) for minute in range(6)], made)
    reader = Reader.connect(settings)
    assert [row["counts"] for row in reader.forecasts(symbol)] == [False, False, True, False]
    scores = reader.scores(symbol)
    assert (scores["count"], scores["mae_model"], scores["mae_persistence"]) == (1, 0.75, 0.0)


def test_a_forecast_waits_for_its_actual_close(settings: Settings, store: ForecastStore, symbol: str) -> None:
    store.store([bar(symbol, 0)], [forecast(symbol, 0)])
    reader = Reader.connect(settings)
    assert reader.forecasts(symbol)[0]["actual_close"] is None
    assert reader.scores(symbol)["count"] == 0
    store.store([bar(symbol, 1, 102.0)], [])
    assert reader.forecasts(symbol)[0]["actual_close"] == 102.0


def test_the_newest_received_bars_come_back_ascending_without_filled_ones(store: ForecastStore, symbol: str) -> None:
    store.store([bar(symbol, minute, filled=minute == 2) for minute in range(5)], [])
    assert [row[1] for row in store.newest_received([symbol, "NONE"], 3)] == [T + 60, T + 180, T + 240]


def test_a_state_is_replaced_and_says_how_old_it_is(settings: Settings, store: ForecastStore) -> None:
    service = f"test-{uuid4().hex}"
    store.write_state(service, {"now": 1.0})
    store.write_state(service, {"now": 2.0})
    found = Reader.connect(settings).states()[service]
    assert found["state"] == {"now": 2.0}
    assert 0 <= found["age"] < 60
