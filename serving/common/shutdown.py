"""Stop on signals, and try again until then."""

import signal
from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

from stock_ml.errors import BrokerUnavailable, SourceUnavailable, StoreUnavailable

UNAVAILABLE = (BrokerUnavailable, SourceUnavailable, StoreUnavailable)
T = TypeVar("T")


def stop_on_signals() -> tuple[Event, Callable[[], bool]]:
    """Return an event that SIGTERM and SIGINT set, and whether one of them did."""
    stopping, signalled = Event(), Event()

    def stop() -> None:
        signalled.set()
        stopping.set()

    def on_signal(*_: object) -> None:
        # a signal interrupts the main thread anywhere, even where it has locked the event
        Thread(target=stop, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stopping, signalled.is_set


def until_available(work: Callable[[], T], stopping: Event, report: Callable[[BaseException], None]) -> T:
    """Call `work` again, at most 10 s apart, while what it needs is unavailable; `report` each error.

    Raises the last error when `stopping` is set.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            report(error)

    retrying = Retrying(
        retry=retry_if_exception_type(UNAVAILABLE),
        wait=wait_exponential(multiplier=0.25, max=10),
        stop=stop_when_event_set(stopping),
        sleep=sleep_using_event(stopping),
        before_sleep=before_sleep,
        reraise=True,
    )
    return retrying(work)
