"""What a restore stops: all that uses the databases, and not what it needs itself."""

from typing import Any

import pytest
from rich.console import Console

from local import restore
from stock_ml.config import Settings, load
from stock_ml.errors import BrokerUnavailable, UntrustedBackup
from stock_ml.maintenance import backup


class Running:
    halted: tuple[str, ...] = ()

    def __init__(self, _: Settings) -> None: ...

    def processes(self) -> list[dict[str, Any]]:
        return [{"name": name} for name in ("postgres", "s3", "kafka", "mlflow", "consumer", "airflow-scheduler")]

    def stop_programs(self, *names: str) -> None:
        Running.halted = names


def test_all_but_the_servers_that_hold_data_are_stopped_and_the_bars_since_come_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(restore, "Supervisor", Running)
    monkeypatch.setattr(backup, "check_trusted", lambda _, name: name or "newest")
    monkeypatch.setattr(backup, "restore", lambda _, name: name)
    monkeypatch.setattr(backup, "rewind", lambda *_: 1234)
    monkeypatch.setattr(restore.postgres_roles, "ensure_roles", lambda _: None)
    console = Console(record=True, width=200)
    restore.restore(load(source="sandbox", home=tmp_path), "", console, sure=True)
    assert Running.halted == ("mlflow", "consumer", "airflow-scheduler")
    assert "restored newest. 1,234 messages of the time since come again" in console.export_text()


def test_a_restore_while_kafka_is_away_says_how_the_bars_since_come_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def refuse(*_: object) -> int:
        raise BrokerUnavailable("no answer")

    monkeypatch.setattr(restore, "Supervisor", Running)
    monkeypatch.setattr(backup, "check_trusted", lambda _, name: name or "newest")
    monkeypatch.setattr(backup, "restore", lambda _, name: name)
    monkeypatch.setattr(backup, "rewind", refuse)
    monkeypatch.setattr(restore.postgres_roles, "ensure_roles", lambda _: None)
    console = Console(record=True, width=200)
    restore.restore(load(source="sandbox", home=tmp_path), "", console, sure=True)
    assert "Kafka is away (no answer): `make up`, then `make restore NAME=newest` brings them" in console.export_text()


def test_a_backup_that_is_not_trusted_stops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def refuse(*_: object) -> str:
        raise UntrustedBackup("not signed")

    monkeypatch.setattr(restore, "Supervisor", Running)
    monkeypatch.setattr(Running, "halted", ())
    monkeypatch.setattr(backup, "check_trusted", refuse)
    with pytest.raises(UntrustedBackup):
        restore.restore(load(source="sandbox", home=tmp_path), "", Console(), sure=True)
    assert Running.halted == ()
