"""Probe whether a server is ready, and wait for it."""

import time
from collections.abc import Callable

import requests

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.errors import HostError


def http(url: str, *, any_status: bool = False, text: str = "") -> Callable[[], bool]:
    """Return a probe that requests a URL and accepts a 2xx response with `text` in it, or any response."""

    def probe() -> bool:
        try:
            response = requests.get(url, timeout=2)
        except requests.RequestException:
            return False
        return any_status or (response.ok and text in response.text)

    return probe


def heartbeat(s: Settings, service: str) -> Callable[[], bool]:
    """Return a probe that says whether a service stored its state within the last five seconds."""

    def probe() -> bool:
        store = ForecastStore.connect(s)
        try:
            found = store.read_state(service)
        finally:
            store.close()
        return found is not None and found.age < 5

    return probe


def wait(what: str, ready: Callable[[], bool], seconds: float = 300, *, log: str = "") -> None:
    """Return when `ready` says so.

    Raises HostError naming what was waited for, and the log to read where there is one.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            see = f": see `make logs NAME={log}`" if log else ""
            raise HostError(f"waited {seconds:.0f} s for {what} in vain{see}")
        time.sleep(0.2)
