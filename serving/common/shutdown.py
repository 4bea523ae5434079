"""Stop when asked, and try again until then."""

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

AWAY = (BrokerUnavailable, SourceUnavailable, StoreUnavailable)
T = TypeVar("T")


def stop_on_signals() -> tuple[Event, Callable[[], bool]]:
    """Return an event that SIGTERM and SIGINT set, and whether one of them did."""
    stopping, asked = Event(), Event()

    def stop() -> None:
        asked.set()
        stopping.set()

    def hand_over(*_: object) -> None:
        # a signal interrupts the main thread anywhere, also where it holds the event's own lock
        Thread(target=stop, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_over)
    return stopping, asked.is_set


def until_back(work: Callable[[], T], stopping: Event, say: Callable[[BaseException], None]) -> T:
    """Do `work`, again and again while what it needs is away, at most 10 s apart; `say` is told each reason.

    Raises what was raised last when it is asked to stop.
    """

    def told(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            say(error)

    again = Retrying(
        retry=retry_if_exception_type(AWAY),
        wait=wait_exponential(multiplier=0.25, max=10),
        stop=stop_when_event_set(stopping),
        sleep=sleep_using_event(stopping),
        before_sleep=told,
        reraise=True,
    )
    return again(work)
