"""Which fault a request meets: asked for by its key's name, or set before for a key or for all."""

from dataclasses import dataclass, field, replace
from threading import Lock

from sandbox.exchange.error_messages import BODIES

BROKEN = ("garbage", "truncated", "slow", "dropped", "http-429", "http-500", "huge")
KINDS = (*BODIES, *BROKEN)
ALIASES = {"": "bad-key", "bad": "bad-key"}  # a key of one of these names, or of a kind's own, always meets it
ALL = "*"  # stands for any key


@dataclass(frozen=True)
class Fault:
    """Say what happens to a request; `seconds` is for slow answers, `mebibytes` for huge ones."""

    kind: str
    seconds: float = 15.0
    mebibytes: int = 200
    times: int | None = None  # so many requests meet it; None: all, until it is taken back


@dataclass
class Faults:
    """Hold the faults set by key; safe for many threads. Where they are not enabled no request meets one."""

    enabled: bool = True
    by_key: dict[str, Fault] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def set(self, key: str, fault: Fault | None) -> None:
        """Let requests of a key meet a fault from now on, or none."""
        with self._lock:
            others = {name: each for name, each in self.by_key.items() if name != key}
            self.by_key = others if fault is None else others | {key: fault}

    def next(self, key: str) -> Fault | None:
        """Return what the next request of a key meets, and count it."""
        if not self.enabled:
            return None
        named = ALIASES.get(key, key)
        if named in KINDS:
            return Fault(named)
        with self._lock:
            name = key if key in self.by_key else ALL
            found = self.by_key.get(name)
            if found is not None and found.times is not None:
                self.by_key[name] = replace(found, times=found.times - 1)
                if found.times <= 1:
                    del self.by_key[name]
            return found
