"""What is refused before anything is started or remembered."""

from pathlib import Path

import pytest
from rich.console import Console

from local.current import FILE
from local.up import up
from stock_ml.config import load
from stock_ml.errors import BadFile


@pytest.mark.parametrize("body", [None, b""])
def test_a_file_that_cannot_be_read_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes | None
) -> None:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path / "home"))
    file = tmp_path / "GOOGL.csv"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(BadFile, match=r"GOOGL\.csv"):
        up(load(_env_file=None, source="csv", csv_path=file), Console())
    assert not (tmp_path / "home" / FILE).exists()
    assert not (tmp_path / "home").exists()
