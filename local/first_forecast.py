"""Wait for the first forecast of a bar that arrived after the start, or say why there will be none now."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from stock_ml.adapters.market_clock import MarketClock
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.store import ForecastStore, Stored
from stock_ml.config import Settings
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import HostError, SourceUnavailable

SECONDS, EVERY = 120.0, 0.2
FRESH = 15.0  # seconds: an older state of the producer says nothing of now
FINAL = ("BadKey: ", "PremiumEndpoint: ")  # what the source refuses until someone changes the settings
LOGS = "see `make logs NAME=producer` and `make logs NAME=consumer`"
PAUSED = "the exchange is paused: forecasts go on when its clock runs"


class Store(Protocol):
    """Count what is stored, and read the producer's state."""

    def now(self) -> float: ...
    def has_timely(self, since: float) -> bool: ...
    def count_stored(self, symbols: tuple[str, ...], horizon: int, first: int, last: int) -> Stored: ...
    def read_state(self, service: str) -> ServiceState | None: ...


def await_forecast(s: Settings, console: Console) -> None:
    """Return when a timely forecast was stored since the call, or when it is known that none will come now.

    What the producer waits for is printed at once. Raises HostError where neither comes, or the source refuses for
    good; StoreUnavailable where the database does not answer.
    """
    store = ForecastStore.connect(s)
    try:
        FirstForecast(s, store, console, _paused(s)).wait(SECONDS + s.feed_delay)
    finally:
        store.close()


@dataclass
class FirstForecast:
    """Poll the database for the first forecast, and print each thing that the producer waits for once."""

    s: Settings
    store: Store
    console: Console
    paused: Callable[[], bool]
    sleep: Callable[[float], None] = time.sleep
    reported: str = ""

    def wait(self, seconds: float) -> None:
        """Wait about so long; see `await_forecast`."""
        since = self.store.now()
        for _ in range(round(seconds / EVERY)):
            if self.store.has_timely(since):
                return
            if reason := self._final_reason():
                self.console.print(escape(reason))
                return
            self.sleep(EVERY)
        raise HostError(f"no forecast within {seconds:.0f} s{self._hint()}: {LOGS}")

    def _final_reason(self) -> str | None:
        """Return why no forecast will come now, if that is known."""
        state = self._producer_state()
        if state.get("replay") == "nothing":
            return str(state["waiting"])
        self._report(state.get("waiting") or "")
        if state.get("replay") == "over":
            return self._end_of_replay(state["holdout"])
        if self.s.simulated:
            return PAUSED if self.paused() else None
        return closed(state)

    def _report(self, waiting: str) -> None:
        if any(name in waiting for name in FINAL):
            raise HostError(f"the source gives no bars: {waiting}")
        if waiting not in ("", self.reported):
            self.console.print(escape(f"producer: {waiting}"))
        self.reported = waiting or self.reported

    def _end_of_replay(self, holdout: dict[str, int]) -> str | None:
        bars, forecasts = self.store.count_stored(self.s.symbols, self.s.horizon, holdout["first"], holdout["last"])
        if bars < holdout["bars"] or not forecasts:
            return None  # the consumer is behind
        return f"the replay is over: {forecasts} forecasts at {bars} held-out bars"

    def _producer_state(self) -> JsonObject:
        found = self.store.read_state("producer")
        return found.state if found and found.age < FRESH else {}

    def _hint(self) -> str:
        return f", the producer's last state was {self.reported!r}" if self.reported else ""


def closed(state: JsonObject) -> str | None:
    """Return that the market is closed and until when, if the producer of a real source says so."""
    if state.get("market_open", True) or "next_change" not in state:
        return None
    opens = datetime.fromtimestamp(state["next_change"], UTC)
    return f"market closed until {opens:%Y-%m-%d %H:%M} UTC: forecasts begin then"


def _paused(s: Settings) -> Callable[[], bool]:
    clock = MarketClock.connect(s)

    def is_paused() -> bool:
        try:
            return clock.reading().paused
        except SourceUnavailable:
            return False  # the producer says so itself

    return is_paused
