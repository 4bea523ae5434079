"""Cache a value for a while: the longer it took to read, the longer.

docs/decisions/0004-own-ttl-cache.md says why this is not cachetools'.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

SHORTEST = 1.0  # seconds
TIMES = 10  # as long as the read took: however many requests there are, reads take a tenth of the time at most

T = TypeVar("T")


class TtlCache(Generic[T]):
    """Read a value again once it is too old; other threads wait for the one that reads."""

    def __init__(self, read: Callable[[], T], now: Callable[[], float] = time.monotonic) -> None:
        self._read, self._now = read, now
        self._lock, self._expires = Lock(), 0.0
        self._value: T | None = None

    def get(self) -> T:
        """Return the value. Raises what reading it raises."""
        with self._lock:
            start = self._now()
            if self._value is None or start >= self._expires:
                self._value = self._read()
                seconds = self._now() - start
                self._expires = start + seconds + max(SHORTEST, TIMES * seconds)
            return self._value
