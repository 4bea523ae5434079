"""The installation that was brought up last is the one that other commands mean."""

from pathlib import Path

import pytest

from local.current import FILE, last, recall, remember
from stock_ml.config import load
from stock_ml.errors import HostError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STOCKML_HOME", str(tmp_path))
    return tmp_path


def test_what_was_brought_up_is_recalled_though_the_shell_says_otherwise(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(load(source="csv", csv_path="IBM.csv", window=20))
    monkeypatch.setenv("STOCKML_WINDOW", "40")
    monkeypatch.setenv("STOCKML_MLFLOW_URL", "http://another")
    recalled = recall()
    assert (recalled.source, recalled.symbols, recalled.window, recalled.mlflow_url) == ("csv", ("IBM",), 20, None)


def test_no_secret_is_kept(home: Path) -> None:
    remember(load(alphavantage_api_key="hidden", postgres_url="postgresql://u:hidden@h", s3_secret_key="hidden"))
    kept = (home / FILE).read_text()
    assert "hidden" not in kept
    assert "***" not in kept
    assert recall().source == "alpha_vantage"


def test_where_nothing_was_ever_started_it_is_said(home: Path) -> None:
    assert last() is None
    with pytest.raises(HostError, match="run `make up`"):
        recall()
