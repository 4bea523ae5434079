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
    """Let the sandbox's clock run on by market seconds, pause it, and return where it stands."""
    clock = f"{s.sandbox}/clock"
    now = start = requests.get(clock, timeout=5).json()["market"]
    requests.post(clock, json={"paused": False, "speed": 3600}, timeout=5)
    while now < start + seconds:
        now = requests.get(clock, timeout=5).json()["market"]
    return float(requests.post(clock, json={"paused": True}, timeout=5).json()["market"])
