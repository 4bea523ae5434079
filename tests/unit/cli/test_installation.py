"""The installation that `stockml` is about, from whatever folder it is called."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from local.current_installation import remember
from local.secrets import ensure_secrets
from stock_ml.cli.installation import settings
from stock_ml.config import load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which an installation is brought up; it is the working folder."""
    (there := tmp_path / "checkout").mkdir()
    monkeypatch.chdir(there)
    return there


def test_without_an_installation_the_environment_says_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKML_HOME", "here")
    monkeypatch.setenv("STOCKML_SOURCE", "yahoo")
    found = settings()
    assert (found.state, found.postgres_password) == (folder / "here" / "yahoo", None)


def test_an_installation_is_found_from_another_folder_with_its_secrets(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = load(source="csv", csv_path="IBM.csv")
    kept = ensure_secrets(s)
    remember(s)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STOCKML_HOME", "checkout/.stockml")
    found = settings()
    assert (found.state, found.csv_path) == (folder / ".stockml" / "csv", folder / "IBM.csv")
    assert found.s3_access_key == SecretStr(kept["STOCKML_S3_ACCESS_KEY"])
    assert found.postgres_password == SecretStr(kept["STOCKML_POSTGRES_PASSWORD"])


def test_a_folder_that_was_moved_is_found_where_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(load(source="yahoo"))
    monkeypatch.chdir(tmp_path)
    moved = folder.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    assert settings().state == moved / ".stockml" / "yahoo"


def test_an_aws_profile_counts_only_where_aws_is_asked_for_the_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    settings()
    assert os.environ["AWS_PROFILE"] == "mine"
    ensure_secrets(load())
    settings()
    assert "AWS_PROFILE" not in os.environ
