"""Whether a service lives, and what it waits for, by the name of what is unavailable."""

from collections.abc import Callable
from time import monotonic
from typing import Annotated

from msgspec import Meta, Struct

from stock_ml.errors import BrokerUnavailable, SourceUnavailable, StoreUnavailable

LONGEST_TURN = 60.0  # wall seconds: what is unavailable is tried again every ten
SLOW_TURN = 15.0  # wall seconds after which nobody should count on it
NAMES = {BrokerUnavailable: "kafka", SourceUnavailable: "source", StoreUnavailable: "postgresql"}


class Readiness(Struct, forbid_unknown_fields=True):
    """The body of `/readyz`."""

    ready: bool
    waiting: Annotated[dict[str, str], Meta(description="By the name of what is unavailable, why.")]


class Health:
    """Hold the newest fault of each dependency; written by the service's loop, read by others."""

    def __init__(self, wall: Callable[[], float] = monotonic) -> None:
        self._wall, self._last_turn = wall, wall()
        self._waiting: dict[str, str] = {"start": "no turn is over yet"}

    def record_turn(self) -> None:
        """Record that the loop finished a turn."""
        self._last_turn = self._wall()
        self._waiting.pop("start", None)

    def set_fault(self, name: str, fault: str | None) -> None:
        """Record why a dependency does not work, None where it works."""
        if fault is None:
            self._waiting.pop(name, None)
        else:
            self._waiting[name] = fault

    def record_error(self, error: BaseException) -> None:
        """Record the error of a dependency that is unavailable; it is tried again, so the loop lives."""
        self._last_turn = self._wall()
        name = next((name for kind, name in NAMES.items() if isinstance(error, kind)), "service")
        self.set_fault(name, str(error))

    @property
    def alive(self) -> bool:
        """Say whether the loop finished a turn lately."""
        return self._turn_age < LONGEST_TURN

    @property
    def waiting(self) -> dict[str, str]:
        """Return the reasons by the name of what is waited for; none where the service is ready."""
        age = self._turn_age
        hangs = {"service": f"no turn for {age:.0f} s: see its log"} if age >= SLOW_TURN else {}
        return self._waiting | hangs

    @property
    def _turn_age(self) -> float:
        return self._wall() - self._last_turn
