"""The week in short: the market turns, one alert tells it, the last price serves, then a model of what came since.

The steps that the DAGs call, on real servers and with a real consumer; `make bench NAME=week` has Airflow and the
exchange's own clock in it.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from local import jars, probes
from local.servers.services import programs
from sandbox.market import KINDS, Market, Turn
from stock_ml.adapters.broker import Publisher, Topics, decode_alert, ensure_topics, read_back
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow.rest import champion
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import PRICES, Bar
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.folds import REGIME_SESSIONS
from stock_ml.monitoring.monitor import monitor
from stock_ml.training.retrain_policy import Trigger, skip_reason
from stock_ml.training.train import train
from tests.servers import running, tables
from tests.session_file import session_at
from tests.walks import NYSE, frame

# MLflow warns about its own type hints when it is imported
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow.*")
SYMBOLS = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA")
TURNS = int(np.searchsorted(NYSE.dates, np.datetime64("2024-03-04")))  # a session's number
BEFORE = range(TURNS - 14, TURNS)
DAY = int(NYSE.dates[TURNS].astype(np.int64))
MARKET = Market(7, NYSE, replace(KINDS["strong"], turn=Turn(DAY)))


@pytest.fixture
def s(mlflow_server: Settings, kafka: Settings, tmp_path: Path) -> Settings:
    """A csv installation (its time is that of the bars) without a history of forecasts."""
    jars.fetch("s3a", mlflow_server.jars)
    Lake.connect(mlflow_server).ensure_bucket()  # where MLflow keeps its artifacts
    for number, symbol in enumerate(SYMBOLS):
        (tmp_path / f"{symbol}.csv").write_text(session_at(100 + number))
    given = {"source": "csv", "csv_path": tmp_path, "symbols": SYMBOLS, "kafka_topic": f"t{uuid4().hex[:8]}"}
    given |= {"s3_bucket": "turn", "mlflow_model": "turn", "candidates": ("linear",), "train_sessions": 4}
    given |= {"spark_memory": "1g"}
    own = mlflow_server.model_copy(update=given)
    tables(own)
    ensure_topics(own)
    Lake.connect(own).ensure_bucket()
    with psycopg.connect(own.postgres(), autocommit=True) as connection:
        connection.execute("truncate bars, forecasts, shadow_forecasts, alerts, looks")
    return own


@pytest.fixture
def store(s: Settings) -> Iterator[MonitoringStore]:
    store = MonitoringStore.connect(s)
    yield store
    store.close()


def minutes(symbol: str, numbers: range) -> Minutes:
    bars = MARKET.regular(symbol, numbers)
    values = dict(zip((*PRICES, "volume"), bars.values.T, strict=True))
    return fill(Minutes(ts=bars.ts, filled=np.zeros(len(bars.ts), dtype=bool), **values), NYSE, 15)


def clean(s: Settings, numbers: range) -> None:
    """Store the bars of sessions as clean ones, all made from the installation's files."""
    lake = Lake.connect(s)
    for symbol in s.symbols:
        bars = frame(symbol, minutes(symbol, numbers))
        origin = {
            "raw": sha256((s.csv_path / f"{symbol}.csv").read_bytes()).hexdigest(),
            "known_at": float(NYSE.closes[numbers[-1]]),
        }
        for month, part in bars.groupby(bars["ts"].dt.strftime("%Y-%m")):
            lake.write_clean(symbol, str(month), part)
            lake.write_quality(symbol, str(month), origin)


def pass_sessions(s: Settings, store: MonitoringStore, numbers: range) -> None:
    """Publish the bars of sessions, and wait until they are stored with their forecasts."""
    publisher = Publisher.connect(s)
    bars = [bar for symbol in s.symbols for bar in received(symbol, numbers)]
    for bar in sorted(bars, key=lambda bar: bar.ts):
        publisher.bar(bar)
    assert publisher.flush(30) == 0
    for symbol in s.symbols:
        newest = max(bar.ts for bar in bars if bar.symbol == symbol)
        probes.wait(f"the bars of {symbol}", lambda symbol=symbol, at=newest: store.newest_bar((symbol,)) == at, 60)


def received(symbol: str, numbers: range) -> list[Bar]:
    bars = MARKET.regular(symbol, numbers)
    return [Bar(symbol, ts, *row, "csv") for ts, row in zip(bars.ts.tolist(), bars.values.tolist(), strict=True)]


def test_after_a_turn_one_alert_leads_to_a_model_that_holds(s: Settings, store: MonitoringStore) -> None:
    clean(s, BEFORE)
    first = train(s)
    with running(next(program for program in programs(s) if program.name == "consumer"), s):
        pass_sessions(s, store, range(TURNS - 1, TURNS + 1))
        told = monitor(s)
        assert (told["report"]["model_version"], told["alert"]["kind"]) == (first["version"], "skill")
        assert told["report"]["skill"] < -0.1
        assert monitor(s)["alert"] == told["alert"]
        alerts = [decode_alert(value) for value in read_back(s, Topics.of(s).alerts)]
        assert [alert._asdict() for alert in alerts] == [told["alert"]] * 2

        trigger = Trigger(alerts)
        assert skip_reason(s, trigger) is None
        clean(s, range(BEFORE.start, TURNS + 1))
        second = train(s, trigger.reason, trigger.alert_at)
        assert "version" in str(skip_reason(s, trigger))
        assert (found := champion(s)) is not None
        assert found.version == second["version"]
        assert second["promoted"] == "persistence"
        probes.wait("the swap", lambda: (store.read_state("consumer") or {})["model_version"] == second["version"], 60)

        pass_sessions(s, store, range(TURNS + 1, TURNS + 3))  # in the first the intervals come back from their stretch
        after = monitor(s)
        assert (after["report"]["model_version"], after["alert"]) == (second["version"], None)
        assert after["report"]["skill"] > s.monitor_skill
        assert after["report"]["coverage_90"] == pytest.approx(0.9, abs=s.monitor_coverage)

        clean(s, range(BEFORE.start, TURNS + REGIME_SESSIONS))
        assert skip_reason(s, Trigger()) is None
        third = train(s, Trigger().reason)
        assert third["promoted"] == "linear", third["reason"]
        assert f"{MIN_TEST_SESSIONS} later sessions" in third["reason"]
        probes.wait("the swap", lambda: (store.read_state("consumer") or {})["model_version"] == third["version"], 60)
        pass_sessions(s, store, range(TURNS + REGIME_SESSIONS, TURNS + REGIME_SESSIONS + 1))
        again = monitor(s)
        assert (again["report"]["model_version"], again["alert"]) == (third["version"], None)
        assert again["report"]["skill"] > 0.03
