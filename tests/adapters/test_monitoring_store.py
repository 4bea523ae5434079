"""Reports on live forecasts and the alerts that they raise, on real PostgreSQL and Kafka."""

from collections.abc import Iterator
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from stock_ml.adapters.broker import Publisher, Topics, decode_alert, ensure_topics, read_back
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.adapters.postgres.store import BARS, BarRow, ForecastRow, ForecastStore, OfficialCloseRow, OtherRows
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.evaluation.live_performance import Alert, LimitBreach, Timeliness, monitoring_report
from tests.servers import tables

T = 1_709_303_400  # 2024-03-01 09:30 in New York
BREACH = LimitBreach("skill", "the last price is nearer")


@pytest.fixture
def store(settings: Settings, postgres: object) -> Iterator[MonitoringStore]:
    tables(settings)
    with psycopg.connect(settings.postgres()) as connection:
        connection.execute("truncate alerts, looks")
    store = MonitoringStore.connect(settings)
    yield store
    store.close()


def put(s: Settings, version: str, closes: np.ndarray, predicted: np.ndarray, symbol: str) -> None:
    """Store a forecast of each next close, and the bars."""
    store = ForecastStore.connect(s)
    bars, forecasts = [], []
    for i, close in enumerate(closes.tolist()):
        ts = T + MINUTE * i
        bars.append(BarRow(symbol, ts, close, close, close, close, 1.0, False, s.source, False))
        if i + 1 < len(closes):
            bounds = (99.5, 100.5, 99.0, 101.0, 98.0, 102.0)
            row = (symbol, ts, s.horizon, ts + MINUTE, "2024-03-01", close, float(predicted[i]), *bounds)
            forecasts.append(ForecastRow(*row, version, 0.0, ts + 61.0, False))
    store.store(bars, forecasts)
    store.close()


def test_a_version_is_judged_a_minute_over_all_its_symbols(settings: Settings, store: MonitoringStore) -> None:
    version, random = uuid4().hex, np.random.default_rng(1)
    closes = {f"W{uuid4().hex[:6].upper()}": random.uniform(99, 101, 6) for _ in range(2)}
    for symbol, close in closes.items():
        put(settings, version, close, np.full(6, 100.0), symbol)
    timeliness = store.timeliness(version, 5)
    assert timeliness == Timeliness(10, 0)
    found = monitoring_report(version, store.minute_errors(version, 5), {}, timeliness)
    assert found is not None
    assert store.serving_version() == version
    actual = np.array([close[1:] for close in closes.values()])
    before = np.array([close[:-1] for close in closes.values()])
    assert found.forecasts == 10
    assert found.mae_bp == pytest.approx(np.abs(np.log(100.0 / actual)).mean() * 1e4)
    assert found.persistence_bp == pytest.approx(np.abs(np.log(before / actual)).mean() * 1e4)
    assert found.coverage_50 == pytest.approx(((actual >= 99.5) & (actual <= 100.5)).mean())
    assert found.coverage_90 == found.coverage_99 == 1.0
    store.write_report(found, T)


def test_of_bars_that_are_caught_up_at_once_the_newest_alone_says_whether_the_feed_is_in_time(
    settings: Settings, store: MonitoringStore
) -> None:
    symbol, version = f"W{uuid4().hex[:6].upper()}", uuid4().hex
    bars = [BarRow(symbol, T + MINUTE * i, *([100.0] * 4), 1.0, False, settings.source, False) for i in range(8)]
    bounds = (100.0, 100.0, 99.5, 100.5, 99.0, 101.0, 98.0, 102.0)

    def made(i: int, at: float, late: bool) -> ForecastRow:
        times = (T + MINUTE * i, settings.horizon, T + MINUTE * (i + 1))
        return ForecastRow(symbol, *times, "2024-03-01", *bounds, version, 0.0, at, late)

    caught_up = [made(i, T + 5 * MINUTE + 2.0, i < 4) for i in range(5)]
    live = [made(5, T + 6 * MINUTE + 1.0, False), made(6, T + 9 * MINUTE, True)]
    rows = ForecastStore.connect(settings)
    rows.store(bars, [*caught_up, *live])
    rows.close()
    assert store.timeliness(version, 5) == Timeliness(3, 1)
    assert store.timeliness("none", 5) == Timeliness(0, 0)


def test_bars_come_back_in_order_and_a_span_may_be_empty(settings: Settings, store: MonitoringStore) -> None:
    symbol = f"W{uuid4().hex[:6].upper()}"
    put(settings, uuid4().hex, np.array([100.0, 101.0]), np.full(2, 100.0), symbol)
    assert store.bars(symbol, T, T + 3600).close.tolist() == [100.0, 101.0]
    assert len(store.bars(symbol, 0, T)) == 0
    assert store.newest_bar((symbol,)) == T + MINUTE


def test_official_closes_come_back_in_order_and_a_span_may_be_empty(settings: Settings, store: MonitoringStore) -> None:
    symbol, writer = f"W{uuid4().hex[:6].upper()}", ForecastStore.connect(settings)
    rows = [OfficialCloseRow(symbol, T + 86_400 * day, 100.0 + day, 1.0, "sandbox", "2024-03-01") for day in (1, 0)]
    writer.finish(writer.begin(np.empty(0, BARS), np.empty(0, BARS), OtherRows(closes=rows)))
    writer.close()
    found = store.official_closes(symbol, T, T + 86_401)
    assert (found.ts.tolist(), found.close.tolist()) == ([T, T + 86_400], [100.0, 101.0])
    assert len(store.official_closes(symbol, T, T).ts) == 0


def test_one_alert_is_open_until_a_version_is_registered_after_it(store: MonitoringStore) -> None:
    raised = store.raise_alert(BREACH, "7", T)
    assert isinstance(raised, Alert)
    assert (raised.kind, raised.model_version, raised.market_at) == ("skill", "7", T)
    assert store.raise_alert(BREACH, "7", T + 60) is None
    assert store.newest_alert() == (raised, True)
    assert not store.close_alert(raised.raised_at - 1)
    assert store.close_alert(raised.raised_at + 1)
    assert store.newest_alert() == (raised, False)
    assert store.raise_alert(BREACH, "8", T + 120) is not None


def test_an_alert_reaches_kafka_and_is_read_as_it_was_told(kafka: Settings) -> None:
    s = kafka.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}"})
    ensure_topics(s)
    alert = Alert("coverage", "80 % covered", "7", 1_800_000_000.5, float(T))
    publisher = Publisher.connect(s)
    publisher.alert(alert)
    assert publisher.flush(30) == 0
    assert [decode_alert(value) for value in read_back(s, Topics.of(s).alerts)] == [alert]
