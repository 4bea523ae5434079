"""The sandbox exchange as a real process, for tests of what asks it."""

from collections.abc import Iterator

import pytest
import requests

from local.servers.services import programs
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from tests.servers import running


@pytest.fixture(scope="session")
def sandbox(settings: Settings) -> Iterator[Settings]:
    """A real sandbox exchange, its clock paused half an hour into its first session."""
    with running(next(p for p in programs(settings) if p.name == "sandbox"), settings):
        move_clock(settings, 30 * 60)
        yield settings


def empty(lake: Lake) -> None:
    """Make the lake's bucket, or forget all that is in it."""
    lake.ensure_bucket()
    for key in lake.objects.keys(""):
        lake.objects.delete(key)


def move_clock(s: Settings, seconds: float) -> float:
    """Pause the sandbox's clock, move it on by seconds of open market, and return where it stands."""
    change = {"paused": True, "advance": seconds}
    return float(requests.post(f"{s.sandbox}/clock", json=change, timeout=30).json()["market"])
