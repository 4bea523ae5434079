"""Whether a service lives, and what it waits for, by the name of what is away."""

from collections.abc import Callable
from time import monotonic
from typing import Annotated

from msgspec import Meta, Struct

from stock_ml.errors import BrokerUnavailable, SourceUnavailable, StoreUnavailable

LONGEST_TURN = 60.0  # wall seconds: what is away is tried again every ten
NAMES = {BrokerUnavailable: "kafka", SourceUnavailable: "source", StoreUnavailable: "postgresql"}


class Readiness(Struct, forbid_unknown_fields=True):
    """The body of `/readyz`."""

    ready: bool
    waiting: Annotated[dict[str, str], Meta(description="By the name of what is unavailable, why.")]


class Health:
    """Hold what was heard last of each dependency; written by the service's loop, read by others."""

    def __init__(self, wall: Callable[[], float] = monotonic) -> None:
        self._wall, self._turned = wall, wall()
        self._waiting: dict[str, str] = {"start": "no turn is over yet"}

    def turned(self) -> None:
        """Note that the loop goes round."""
        self._turned = self._wall()
        self._waiting.pop("start", None)

    def heard(self, name: str, trouble: str | None) -> None:
        """Note what keeps a dependency from work, None where it works."""
        if trouble is None:
            self._waiting.pop(name, None)
        else:
            self._waiting[name] = trouble

    def away(self, error: BaseException) -> None:
        """Note an error of what is away; it is being tried again, so the loop lives."""
        self._turned = self._wall()
        name = next((name for kind, name in NAMES.items() if isinstance(error, kind)), "service")
        self.heard(name, str(error))

    @property
    def alive(self) -> bool:
        """Say whether the loop went round lately."""
        return self._still < LONGEST_TURN

    @property
    def waiting(self) -> dict[str, str]:
        """Return the reasons by the name of what is waited for; none where the service is ready."""
        hangs = {} if self.alive else {"service": f"no turn for {self._still:.0f} s: see its log"}
        return self._waiting | hangs

    @property
    def _still(self) -> float:
        return self._wall() - self._turned
