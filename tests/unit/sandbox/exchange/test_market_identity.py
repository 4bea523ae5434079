"""A simulated market that has begun keeps its seed and its first day."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.exchange.app import create_app
from sandbox.exchange.market_identity import pin_origin
from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting


def asked(home: Path, **given: Any) -> Settings:
    return load(**({"home": home, "source": "sandbox"} | given))


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The home of an installation whose clock has run."""
    pin_origin(asked(tmp_path))
    (tmp_path / "sandbox" / "sandbox" / "clock.json").touch()
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        {"sandbox_seed": 8},
        {"sandbox_start": "2023-03-01"},
        {"sandbox_market": "strong"},
        {"sandbox_turn": "2024-03-06"},
    ],
)
def test_another_market_is_refused_once_there_are_bars(begun: Path, changed: dict[str, Any]) -> None:
    name = f"STOCKML_{next(iter(changed)).upper()}"
    for _ in range(2):  # a refusal changes nothing
        with pytest.raises(BadSetting, match=rf"{name}.*make reset"):
            pin_origin(asked(begun, **changed))
    pin_origin(asked(begun))


@pytest.mark.parametrize("changed", [{"sandbox_seed": 8}, {"sandbox_start": "2023-03-01"}])
def test_an_exchange_in_a_container_refuses_another_market_too(begun: Path, changed: dict[str, Any]) -> None:
    # every container has the exchange's address as STOCKML_SANDBOX_URL, the exchange's own as well
    with pytest.raises(BadSetting, match=r"docker compose down --volumes"):
        create_app(asked(begun, sandbox_url="http://sandbox:8603", **changed))


def test_the_speed_may_change(begun: Path) -> None:
    pin_origin(asked(begun, sandbox_speed=600))


def test_before_the_clock_ever_ran_all_may_change(tmp_path: Path) -> None:
    pin_origin(asked(tmp_path))
    pin_origin(asked(tmp_path, sandbox_seed=8))
    (tmp_path / "sandbox" / "sandbox" / "clock.json").touch()
    with pytest.raises(BadSetting, match="made with 8"):
        pin_origin(asked(tmp_path))


def test_other_sources_and_an_exchange_elsewhere_are_not_asked(begun: Path) -> None:
    pin_origin(asked(begun, source="csv", csv_path="GOOGL.csv", sandbox_seed=8))
    pin_origin(asked(begun, sandbox_url="http://elsewhere", sandbox_seed=8))
