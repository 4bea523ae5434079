"""When a champion fits the settings."""

from typing import Any

import pytest

from local.pipeline import fits
from stock_ml.config import load


def version(**tags: str) -> dict[str, Any]:
    known = {"symbols": "GOOGL,MSFT", "window": "30", "horizon": "1"} | tags
    return {"version": "3", "tags": [{"key": key, "value": value} for key, value in known.items()]}


def test_a_champion_of_these_symbols_window_and_horizon_fits() -> None:
    assert fits(version(), load(symbols="MSFT"))


@pytest.mark.parametrize("tags", [{"symbols": "AAPL"}, {"window": "31"}, {"horizon": "5"}])
def test_a_champion_of_other_settings_does_not(tags: dict[str, str]) -> None:
    assert not fits(version(**tags), load(symbols="MSFT"))


def test_no_champion_fits_nothing() -> None:
    assert not fits({}, load())
