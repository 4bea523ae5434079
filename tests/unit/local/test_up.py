"""What is refused before anything is started or remembered."""

from pathlib import Path

import pytest
from rich.console import Console

from local.up import up
from stock_ml.cli.installation import CURRENT
from stock_ml.config import load
from stock_ml.errors import NewerServerData, StockMLError

HEADER = b"timestamp,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"date;price\n2021-08-23;1\n", "line 1"),
        (HEADER, "no bars"),
        (HEADER + b"2021-08-23 09:31:00,1,2,0.5,much,10\n", "line 2, column close"),
        (HEADER + b"2021-08-23 10:31:00,1,2,0.5,1,10\n", "do its labels mark the start or the end of a bar"),
    ],
)
def test_a_file_that_cannot_be_read_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes | None, told: str
) -> None:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path / "home"))
    file = tmp_path / "GOOGL.csv"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(StockMLError, match=rf"GOOGL.*{told}"):
        up(load(_env_file=None, source="csv", csv_path=file), Console())
    assert not (tmp_path / "home" / CURRENT).exists()
    assert not (tmp_path / "home").exists()


def test_data_of_a_newer_postgresql_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path))
    s = load(_env_file=None)
    data = s.state / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("19\n")
    with pytest.raises(NewerServerData, match="PostgreSQL 19"):
        up(s, Console())
    assert not (tmp_path / CURRENT).exists()
