"""How many requests for bars the sandbox answered, by key: what a client says that it asked can be compared with it."""

from collections import Counter
from threading import Lock


class RequestCounts:
    """Count requests since the exchange started, refused ones too; several threads may do so at once."""

    def __init__(self) -> None:
        self._by_key: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, key: str) -> None:
        """Count one."""
        with self._lock:
            self._by_key[key] += 1

    def as_dict(self) -> dict[str, int]:
        """Return the count of each key."""
        with self._lock:
            return dict(self._by_key)
