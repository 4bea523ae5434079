"""Ask whether a server answers."""

import time
from collections.abc import Callable

import requests

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.errors import HostError

FRESH_SECONDS = 5


def http(url: str, *, any_status: bool = False, text: str = "") -> Callable[[], bool]:
    """Return a probe that requests a URL and accepts a 2xx answer with `text` in it, or any answer."""

    def ask() -> bool:
        try:
            answer = requests.get(url, timeout=2)
        except requests.RequestException:
            return False
        return any_status or (answer.ok and text in answer.text)

    return ask


def spoke(s: Settings, service: str) -> Callable[[], bool]:
    """Return a probe that looks whether a service has said within seconds how it is."""

    def look() -> bool:
        store = ForecastStore.connect(s)
        try:
            said = store.read_state(service)
        finally:
            store.close()
        return said is not None and said[1] < FRESH_SECONDS

    return look


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
