"""How many requests a key may send: so many a minute and a day, or a free key's one a second and 25 a day."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

DAY = 86_400


@dataclass(frozen=True)
class Plan:
    """Hold a key's limits; None is no limit."""

    a_second: int | None = None
    a_minute: int | None = None
    a_day: int | None = None


FREE = Plan(a_second=1, a_day=25)
FREE_KEYS = "free"  # keys that begin so have the free plan


@dataclass
class Plans:
    """Count the requests of each key by the wall's time; days are of UTC."""

    by_key: dict[str, Plan] = field(default_factory=dict)
    wall: Callable[[], float] = time.time
    _sent: dict[str, list[float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def set(self, key: str, plan: Plan) -> None:
        """Give a key a plan from now on; what it sent is forgotten."""
        with self._lock:
            self.by_key[key] = plan
            self._sent.pop(key, None)

    def refusal(self, key: str) -> str | None:
        """Count a request, and return the kind of refusal that it meets, if any. A refused one is not counted."""
        plan = self.by_key.get(key, FREE if key.startswith(FREE_KEYS) else Plan())
        if plan == Plan():
            return None
        with self._lock:
            return self._count(key, plan, self.wall())

    def _count(self, key: str, plan: Plan, now: float) -> str | None:
        today = [at for at in self._sent.get(key, []) if at // DAY == now // DAY]
        self._sent[key] = today
        if plan.a_day is not None and len(today) >= plan.a_day:
            return "daily-limit"
        for limit, seconds in ((plan.a_second, 1), (plan.a_minute, 60)):
            if limit is not None and sum(at > now - seconds for at in today) >= limit:
                return "burst"
        today.append(now)
        return None
