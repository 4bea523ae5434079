"""What a source of bars is to the rest of the project: the protocol of a source, and the record of its plug-in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import BaseModel

from stock_ml.domain.capabilities import Capabilities
from stock_ml.source_plugins import CONTRACT, Row, SourceDescription

if TYPE_CHECKING:  # the settings load this module before anything heavy is needed
    from stock_ml.config import Settings
    from stock_ml.domain.calendar import Sessions
    from stock_ml.sources.parsing import Response

__all__ = [
    "CONTRACT",
    "Capabilities",
    "Connection",
    "Opening",
    "RequestLimiter",
    "Row",
    "Source",
    "SourcePlugin",
    "no_limit",
]
RequestLimiter = Callable[[], None]
Own = TypeVar("Own", bound=BaseModel)


def no_limit() -> None:
    """Let every request pass."""


class Source(Protocol):
    """Give bars as received; raises the SourceError that names what went wrong, or BadFile."""

    @property
    def name(self) -> str:
        """Return the source's name, as it stands in keys, bars and messages."""

    def fetch(self, symbol: str, month: str) -> "Response":
        """Return all bars of a symbol's month YYYY-MM, or of "all" months of a file. Raises NoBars where none is."""

    def newest(self, symbol: str) -> "Response":
        """Return a symbol's newest bars."""


class Connection(Protocol):
    """Receive what a service pushes. One thread uses it; another one may close it."""

    def receive(self, seconds: float) -> "Sequence[Response]":
        """Return what was pushed, as newest bars of a symbol each; nothing where none came within `seconds`.

        Raises the SourceError that ended the connection; it is closed then.
        """

    def close(self) -> None:
        """End the connection; an ended one stays so."""


@dataclass(frozen=True)
class Opening:
    """Hold what a source is opened with.

    `limiter` is called before each request of a source that counts them; it waits, or raises DailyLimit.
    """

    name: str
    settings: "Settings"
    limiter: RequestLimiter = no_limit

    def own(self, kind: type[Own]) -> Own:
        """Return the plug-in's own settings, which are of the class that it registered."""
        return self.settings.own(kind)


@dataclass(frozen=True, kw_only=True)
class SourcePlugin(SourceDescription):
    """Register a source: what it can do, how it is opened, and what its history costs.

    `open` sends and reads nothing yet; it raises BadKey where a key is needed and none is set.
    `requests_for(month, sessions, now)` is the number of requests for a month YYYY-MM, none where it is out of reach;
    a source without it answers a month in one.
    `deadline`: seconds that one request may take; the limiter's waits do not count.
    `connect`: open one connection that pushes these symbols' bars; a source that `pushes` has it. It returns once the
    service has accepted all symbols, and raises the SourceError that says why not. What was missed in between is
    requested by `newest`.
    """

    open: Callable[[Opening], Source]
    requests_for: Callable[[str, "Sessions", float], int] | None = None
    deadline: float = 120.0
    connect: Callable[[Opening, Sequence[str]], Connection] | None = None
