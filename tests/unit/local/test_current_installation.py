"""The installation that was brought up last is the one that other commands mean."""

import json
import shutil
from pathlib import Path

import pytest

from local.current_installation import recall, remember
from stock_ml.cli.installation import CURRENT, last
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


def test_a_folder_that_is_gone_by_now_changes_nothing(home: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "bars").mkdir()
    for symbol in ("IBM", "MSFT"):
        (folder / f"{symbol}.csv").write_text("bars")
    remember(load(source="csv", csv_path=folder))
    shutil.rmtree(folder)
    assert recall().symbols == ("IBM", "MSFT")


def test_what_runs_can_be_stopped_though_the_settings_are_wrong_by_now(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(load(source="yahoo"))
    monkeypatch.setenv("STOCKML_POSTGRES_URL", "no address")
    assert (recall().source, recall().state) == ("yahoo", home / "yahoo")


def test_settings_of_another_version_are_recalled_as_far_as_they_are_known(home: Path) -> None:
    remember(load(source="sandbox"))
    kept = json.loads((home / CURRENT).read_text())
    (home / CURRENT).write_text(json.dumps(kept | {"window": "no number any more", "gone": 1}))
    assert (recall().source, recall().state, recall().simulated) == ("sandbox", home / "sandbox", True)


def test_no_secret_is_kept(home: Path) -> None:
    remember(load(alphavantage_api_key="hidden", postgres_url="postgresql://u:hidden@h", s3_secret_key="hidden"))
    kept = (home / CURRENT).read_text()
    assert "hidden" not in kept
    assert "***" not in kept
    assert recall().source == "alpha_vantage"


def test_where_nothing_was_ever_started_it_is_said(home: Path) -> None:
    assert last() is None
    with pytest.raises(HostError, match="run `make up`"):
        recall()
