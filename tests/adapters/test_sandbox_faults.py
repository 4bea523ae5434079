"""Each fault that the sandbox exchange can make, over real HTTP, as the client of Alpha Vantage tells it."""

import pytest
import requests
from pydantic import SecretStr
from tenacity import wait_none

from stock_ml import errors
from stock_ml.config import Settings
from stock_ml.sources.alpha_vantage import AlphaVantage
from stock_ml.sources.retry import RETRIES

KEY = "SECRETKEY0123456"


@pytest.fixture
def source(sandbox: Settings) -> AlphaVantage:
    """The source alpha_vantage, pointed at the sandbox; it waits for nothing."""
    own = {"source": "alpha_vantage", "alphavantage_api_key": SecretStr(KEY), "requests_per_minute": 60_000}
    own |= {"alphavantage_url": f"{sandbox.sandbox}/query"}
    found = AlphaVantage.connect(sandbox.model_copy(update=own))
    found.retries = RETRIES.copy(wait=wait_none())
    return found


def meet(sandbox: Settings, **fault: object) -> None:
    """Let requests of our key meet a fault."""
    requests.post(f"{sandbox.sandbox}/faults", json={"key": KEY, **fault}, timeout=30).raise_for_status()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bad-key", errors.BadKey),
        ("premium", errors.PremiumEndpoint),
        ("burst", errors.BurstLimit),
        ("daily-limit", errors.DailyLimit),
        ("bad-symbol", errors.BadSymbol),
        ("empty", errors.EmptyResponse),
        ("garbage", errors.InvalidResponse),
        ("truncated", errors.InvalidResponse),
        ("dropped", errors.SourceUnavailable),
        ("http-500", errors.ServerError),
        ("http-429", errors.ServerError),
        ("huge", errors.TooLarge),
    ],
)
def test_each_fault_is_its_own_error_and_shows_no_key(sandbox, source, kind, expected):
    meet(sandbox, kind=kind)
    try:
        with pytest.raises(expected) as caught:
            source.newest("GOOGL")
    finally:
        meet(sandbox, kind=None)
    assert type(caught.value) is expected
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["burst", "dropped", "http-500"])
def test_what_passes_is_overcome(sandbox, source, kind):
    meet(sandbox, kind=kind, times=2)
    assert source.newest("GOOGL").body


def test_a_slow_answer_keeps_others_not_waiting(sandbox, source):
    meet(sandbox, kind="slow", seconds=5, times=1)
    with pytest.raises(requests.Timeout):
        requests.get(source.client.address, params={"apikey": KEY}, timeout=0.2)
    assert source.newest("GOOGL").body


def test_a_free_key_is_slowed_down_and_then_stopped_for_the_day(sandbox, source):
    plan = {"key": KEY, "a_day": 2}
    requests.post(f"{sandbox.sandbox}/plans", json=plan, timeout=30).raise_for_status()
    try:
        for _ in range(2):
            source.newest("GOOGL")
        with pytest.raises(errors.DailyLimit, match=r"API key as \*\*\*"):
            source.newest("GOOGL")
    finally:
        requests.post(f"{sandbox.sandbox}/plans", json={"key": KEY}, timeout=30)
