"""Monitoring against real PostgreSQL and Kafka: it alerts once, repeats until acted on, and then waits."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from stock_ml.adapters.broker import Topics, decode_alert, ensure_topics, read_back
from stock_ml.config import Settings
from stock_ml.domain.gaps import Minutes
from stock_ml.evaluation.live_performance import MIN_FORECASTS, Alert
from stock_ml.evaluation.reference_profile import Sample, Session, reference_profile
from stock_ml.model import features
from stock_ml.monitoring.monitor import has_cooled_down, monitor
from tests.adapters.answering import Answer, answering
from tests.adapters.test_monitoring_store import T, put
from tests.servers import tables
from tests.walks import NYSE, minutes_of


@pytest.fixture
def mlflow() -> Iterator[Answer]:
    with answering() as answer:
        answer.status, answer.body = 200, b'{"model_versions": []}'
        yield answer


@pytest.fixture
def s(postgres: Settings, kafka: Settings, mlflow: Answer, tmp_path: Path) -> Settings:
    """An installation that replays a file: its time is that of its newest bar."""
    given = {
        "source": "csv",
        "csv_path": tmp_path / "x.csv",
        "symbols": (f"M{uuid4().hex[:6].upper()}",),
        "horizon": 7,
        "monitor_coverage": 0.2,
    }
    own = kafka.model_copy(update=given | {"kafka_topic": f"t{uuid4().hex[:8]}", "mlflow_url": mlflow.url})
    tables(own)
    ensure_topics(own)
    with psycopg.connect(own.postgres()) as connection:
        connection.execute("truncate alerts, looks")
        connection.execute("delete from forecasts where horizon = 7")
    return own


def serve(s: Settings, worse: float) -> None:
    """Store forecasts that are further from the next close than the last one is, by `worse` times its distance."""
    closes = 100 + np.cumsum(np.random.default_rng(2).normal(0, 0.01, MIN_FORECASTS + 2))
    move = np.append(np.diff(closes), 0.0)
    put(s, "7", closes, closes - worse * move, s.symbols[0])


def trained(s: Settings, mlflow: Answer, spread: float) -> None:
    """Let MLflow tell of a version trained on bars that move as those of `serve`, `spread` times as far."""
    ts = minutes_of("2024-01-02", 30)
    close = 100 + np.cumsum(np.random.default_rng(3).normal(0, 0.01 * spread, len(ts)))
    bars = Minutes(ts, *([close] * 4), np.ones(len(ts)), np.zeros(len(ts), dtype=bool))
    schema = features.schema(s.window, s.horizon)
    rows = features.table(bars, NYSE, schema, 15).dropna()
    sessions = [Session(part[list(features.FEATURES)].to_numpy(), 390) for _, part in rows.groupby("session")]
    sample = Sample(schema["hash"], s.symbols, int(ts[-1]))
    profile = reference_profile(sample, features.FEATURES, sessions)
    mlflow.named["get"] = b'{"model_version": {"version": "7", "run_id": "r"}}'
    mlflow.named["list"] = b'{"files": [{"path": "population.json"}]}'
    mlflow.named["get-artifact"] = profile.to_json().encode()


def alerts(s: Settings) -> list[Alert]:
    return [decode_alert(value) for value in read_back(s, Topics.of(s).alerts)]


def test_where_nothing_was_forecast_nothing_is_judged(s: Settings) -> None:
    assert monitor(s) == {"report": None, "alert": None}


def test_a_model_as_good_as_the_last_price_raises_no_alert_and_is_kept(s: Settings) -> None:
    serve(s, worse=0.0)
    told = monitor(s)
    assert told["alert"] is None
    assert told["report"]["skill"] == pytest.approx(0.0)
    with psycopg.connect(s.postgres()) as connection:
        assert connection.execute("select model_version, report->>'forecasts' from looks").fetchall() == [("7", "1501")]


def test_where_most_forecasts_are_late_a_person_is_told_once_and_no_training_starts(
    s: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("stock_ml.monitoring.monitor.notify_late_forecasts", lambda _, alarm: told.append(alarm))
    serve(s, worse=0.5)
    with psycopg.connect(s.postgres()) as connection:
        connection.execute("update forecasts set late = true where horizon = 7")
        connection.execute("delete from service_state where service = 'late'")
    for _ in range(2):
        found = monitor(s)
        assert found["alert"] is None
        assert (found["report"]["forecasts"], found["report"]["late"], found["report"]["skill"]) == (0, 1.0, None)
    assert told == [found["report"]["alarm"]]
    assert told[0].startswith("100% of 1501 forecasts of version 7")
    with psycopg.connect(s.postgres()) as connection:
        connection.execute("update forecasts set late = false where horizon = 7")
    assert monitor(s)["report"]["alarm"] is None
    with psycopg.connect(s.postgres()) as connection:
        connection.execute("update forecasts set late = true where horizon = 7")
    monitor(s)
    assert len(told) == 2


def test_a_worse_one_is_told_once_repeated_until_acted_on_and_then_left_alone(s: Settings, mlflow: Answer) -> None:
    serve(s, worse=0.5)
    first = monitor(s)["alert"]
    assert first["kind"] == "skill"
    assert monitor(s)["alert"] == first
    mlflow.body = b'{"model_versions": [{"version": "8", "creation_timestamp": %d}]}' % (1000 * first["raised_at"] + 1)
    assert monitor(s)["alert"] is None  # version 7 is as bad as it was, and an alert is fresh
    assert [alert._asdict() for alert in alerts(s)] == [first, first]


def test_features_that_move_as_in_training_raise_no_alert_and_ten_times_as_quiet_ones_do(
    s: Settings, mlflow: Answer
) -> None:
    serve(s, worse=0.0)
    trained(s, mlflow, spread=1.0)
    told = monitor(s)
    assert (set(told["report"]["drift"]), told["alert"]) == (set(features.FEATURES), None)
    trained(s, mlflow, spread=10.0)
    told = monitor(s)
    assert told["alert"]["kind"] == "drift"
    assert "volatility by " in told["alert"]["reason"]
    assert told["report"]["unusual"]["volatility"] > s.monitor_drift
    mlflow.named["list"] = b"{}"
    assert monitor(s)["report"]["drift"] == {}  # a version from before anything was told


def test_the_pause_between_alerts_is_counted_in_sessions(s: Settings) -> None:
    calendar = s.calendars.of("GOOGL")
    assert not has_cooled_down(T, T + 4 * 86_400, calendar, 5)
    assert has_cooled_down(T, T + 7 * 86_400, calendar, 5)
