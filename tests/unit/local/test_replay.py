"""A replay by hand is refused in one line where it makes no sense."""

import subprocess
from pathlib import Path

import pytest

from local.replay import producer_environment, replay
from local.secrets import ensure_secrets
from local.supervisor.program import ROOT
from stock_ml.config import load
from stock_ml.errors import BadSetting, HostError


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-03-08", "2024-03-04"), ("2024-03-02", "2024-03-03"), ("4.3.2024", ""), ("", ""), ("2024-03-04", "x")],
)
def test_dates_that_mean_no_session_are_refused(tmp_path: Path, first: str, last: str) -> None:
    with pytest.raises(BadSetting, match=r"session|no date") as refused:
        replay(load(home=tmp_path), first, last, "max")
    assert "\n" not in str(refused.value)


def test_an_installation_that_is_not_up_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="make up"):
        replay(load(home=tmp_path), "2024-03-04", "2024-03-08", "max")


def test_the_producer_gets_the_secrets_that_supervised_programs_get(tmp_path: Path) -> None:
    s = load(home=tmp_path)
    given = producer_environment(s)
    assert given["STOCKML_POSTGRES_PASSWORD"] == ensure_secrets(s)["STOCKML_POSTGRES_PASSWORD"]
    assert given["STOCKML_S3_SECRET_KEY"]


def would(*words: str) -> str:
    """Return what make would run, also where a make runs this test."""
    argv = ["make", "--no-print-directory", "-n", "replay", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_make_passes_on_what_was_given() -> None:
    given = would("FROM=2024-03-04", "TO=2024-03-08", "SPEED=600")
    assert given.endswith('local replay "2024-03-04" --last "2024-03-08" --speed "600"')
    assert would("FROM=holdout").endswith('local replay "holdout"  --speed "max"')
