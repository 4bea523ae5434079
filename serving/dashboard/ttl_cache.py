"""Keep what was read for a while: the longer it took to read, the longer."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

SHORTEST = 1.0  # seconds
TIMES = 10  # as long as the reading took: asked however often, it takes a tenth of the time at most

T = TypeVar("T")


class Kept(Generic[T]):
    """Return a value that is read anew where it is too old; others wait for the one who reads."""

    def __init__(self, read: Callable[[], T], now: Callable[[], float] = time.monotonic) -> None:
        self._read, self._now = read, now
        self._lock, self._until = Lock(), 0.0
        self._value: T | None = None

    def get(self) -> T:
        """Return the value; what reading it raises."""
        with self._lock:
            begun = self._now()
            if self._value is None or begun >= self._until:
                self._value = self._read()
                taken = self._now() - begun
                self._until = begun + taken + max(SHORTEST, TIMES * taken)
            return self._value
