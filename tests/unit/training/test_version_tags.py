"""When a version fits the settings."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stock_ml.config import Settings, load
from stock_ml.errors import BadFile
from stock_ml.model import features
from stock_ml.training.version_tags import is_compatible, training_config
from tests.session_file import session_at

TAGS = training_config(load(source="sandbox", symbols="GOOGL,MSFT"))


def asked(**given: Any) -> Settings:
    return load(**({"source": "sandbox", "symbols": "MSFT"} | given))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "MSFT.csv"
    path.write_text("first")
    return path


def test_a_version_trained_for_these_settings_fits() -> None:
    assert is_compatible(TAGS, asked())
    assert is_compatible(TAGS, asked(sandbox_speed=600))  # how fast bars come is no matter to a model


@pytest.mark.parametrize(
    "changed",
    [
        {"symbols": "AAPL,MSFT"},
        {"window": 31},
        {"horizon": 5},
        {"feed_gap_minutes": 5},
        {"holdout_sessions": 1},
        {"exchange": "XLON"},
        {"source": "alpha_vantage"},
    ],
)
def test_a_version_trained_for_other_settings_does_not(changed: dict[str, Any]) -> None:
    assert not is_compatible(TAGS, asked(**changed))


def test_a_version_of_another_kernel_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "KERNEL_VERSION", features.KERNEL_VERSION + 1)
    assert not is_compatible(TAGS, asked())


def test_no_version_and_one_that_does_not_tell_fit_nothing() -> None:
    assert not is_compatible({}, asked())
    assert not is_compatible({"symbols": "MSFT", "window": "30", "horizon": "1"}, asked())


def test_a_version_of_a_file_fits_until_the_file_changes(file: Path) -> None:
    s = asked(source="csv", csv_path=file)
    file.write_text(session_at(100))
    digest = sha256(file.read_bytes()).hexdigest()
    tags = TAGS | {"source": "csv", "holdout_sessions": "2", "file_sha256": digest}
    assert is_compatible(tags, s)
    file.write_text(session_at(101))
    assert not is_compatible(tags, s)
    file.unlink()
    with pytest.raises(BadFile, match=r"MSFT\.csv"):
        is_compatible(tags, s)
