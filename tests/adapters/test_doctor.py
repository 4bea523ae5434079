"""The doctor at an installation where nothing runs, and at one where everything does."""

import os
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from stock_ml.adapters.broker import ensure_topics
from stock_ml.adapters.lake import Lake
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.cli.app import app
from stock_ml.config import Settings
from stock_ml.doctor import CHECKS, Finding, examine
from tests.adapters.answering import answering
from tests.servers import settings_in, tables

SERVERS = {"source", "ingest", "feed", "clock", "PostgreSQL", "S3", "Kafka", "MLflow", "watchdog"}


def by_part(s: Settings) -> dict[str, Finding]:
    return {found.part: found for found in examine(s, CHECKS)}


def test_where_nothing_runs_each_server_is_named_with_what_to_do(tmp_path: Path) -> None:
    found = by_part(settings_in(tmp_path, source="sandbox"))
    assert {part for part, one in found.items() if one.state == "bad"} == SERVERS
    assert all(found[part].advice for part in SERVERS)
    assert (found["Java"].state, found["ports"].state) == ("ok", "note")


def test_where_everything_runs_all_is_well(
    mlflow_server: Settings, kafka: Settings, sandbox: Settings, settings: Settings
) -> None:
    s = settings.model_copy(update={"kafka_topic": f"t{uuid4().hex[:8]}", "s3_bucket": f"doctor-{uuid4().hex[:8]}"})
    tables(s)
    s.state.mkdir(parents=True, exist_ok=True)
    (s.state / "supervisord.pid").write_text(f"{os.getpid()}\n")  # its servers are started by this test
    found = by_part(s)
    assert found["S3"].state == "bad"  # the bucket is not there
    assert (found["Kafka"].state, found["Kafka"].advice) == ("note", "`make up` makes them")
    ensure_topics(s)
    found = by_part(s)
    assert {part for part, one in found.items() if one.state == "bad"} == {"S3", "ingest"}
    assert found["Kafka"].message == f"topic {s.kafka_topic} has 4 partitions"
    assert "SIMULATED" in found["source"].message
    assert "is open until" in found["clock"].message
    Lake.connect(s).ensure_bucket()
    assert by_part(s)["ingest"].message.startswith("5 symbols, ")
    report_delay(s, 0)  # whatever a producer learned in this database before
    found = by_part(s)
    assert found["feed"].message == "real-time feed"
    report_delay(s, 905)
    found = by_part(s)
    assert (found["feed"].state, found["feed"].message) == ("note", "15 min delayed feed; that is learned, not stated")
    assert "STOCKML_FEED_DELAY=905" in found["feed"].advice
    assert by_part(s.model_copy(update={"feed_delay": 1200}))["feed"].message == "20 min delayed feed"
    report_delay(s, 0)


def report_delay(s: Settings, seconds: int) -> None:
    store = ForecastStore.connect(s)
    store.write_state("producer", {"feed_delay": {s.exchange: seconds}})
    store.close()


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b""])
def test_a_port_where_something_else_answers_is_no_server_of_ours_and_stops_no_other_check(
    tmp_path: Path, body
) -> None:
    with answering() as stranger:
        stranger.status, stranger.body = 200, body
        port = int(stranger.url.rpartition(":")[2])
        names = ("sandbox_port", "mlflow_port", "kafka_port", "s3_port")
        found = by_part(settings_in(tmp_path, source="sandbox").model_copy(update=dict.fromkeys(names, port)))
    assert {part for part, one in found.items() if one.state == "bad"} == SERVERS | {"ports"}
    assert f"sandbox_port={port}: " in found["ports"].message
    assert f"(pid {os.getpid()})" in found["ports"].message
    assert all("KafkaError{" not in one.message for one in found.values())


def test_a_key_is_asked_for_where_the_source_needs_one_and_never_shown(postgres: Settings) -> None:
    tables(postgres)
    real = postgres.model_copy(update={"source": "alpha_vantage"})
    assert by_part(real)["key"].message.startswith("BadKey")
    shown = CHECKS["key"][0](settings_with_key(real))
    assert "set; 75 requests a minute, 0 of any number spent today" in shown.message
    assert "hidden" not in str(shown)


def settings_with_key(s: Settings) -> Settings:
    return Settings(**s.model_dump(exclude={"alphavantage_api_key"}), ALPHAVANTAGE_API_KEY=f"hidden{uuid4().hex}")


def test_the_command_prints_one_page_and_its_exit_code_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_in(tmp_path, source="sandbox").model_dump(include={"postgres_port", "home"}).items():
        monkeypatch.setenv(f"STOCKML_{name.upper()}", str(value))
    message = CliRunner().invoke(app, ["doctor"])
    assert message.exit_code == 1
    assert all(part in message.stdout for part in CHECKS)
