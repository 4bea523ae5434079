"""Forgetting an installation."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from local import down
from stock_ml.config import load

# no server has them: what stands in /tmp is not this test's
NOBODY = dict.fromkeys((f"weed_{part}_grpc_port" for part in ("master", "volume", "filer", "s3")), 1)
NOBODY |= {"s3_port": 1, "weed_filer_port": 1}


@pytest.fixture
def told() -> StringIO:
    return StringIO()


def test_reset_deletes_the_folder_and_a_second_one_says_that_nothing_is_there(tmp_path: Path, told: StringIO) -> None:
    s = load(home=tmp_path, **NOBODY)
    (s.state / "deep").mkdir(parents=True)
    for _ in range(2):
        down.reset(s, Console(file=told, width=500), sure=True)
    assert not s.state.exists()
    assert told.getvalue().splitlines()[-1].endswith("nothing to delete")


def test_other_sources_stay(tmp_path: Path, told: StringIO) -> None:
    s, other = load(home=tmp_path, **NOBODY), load(home=tmp_path, source="alpha_vantage", **NOBODY)
    for one in (s, other):
        one.state.mkdir(parents=True)
    down.reset(s, Console(file=told), sure=True)
    assert other.state.exists()


def test_a_no_deletes_nothing(tmp_path: Path, told: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    s = load(home=tmp_path, **NOBODY)
    s.state.mkdir(parents=True)
    monkeypatch.setattr("typer.confirm", lambda _: False)
    down.reset(s, Console(file=told), sure=False)
    assert s.state.exists()
    assert "nothing was deleted" in told.getvalue()
