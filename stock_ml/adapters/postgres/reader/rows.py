"""What is asked for, and what comes back."""

from datetime import datetime
from typing import Any, NamedTuple

Row = tuple[Any, ...]


class Score(NamedTuple):
    """Hold a session's errors over the forecasts that count, `mae_…` in price units; None where there are none.

    `mae_bp` is in basis points of log return; `direction` is the share of right signs among `moved`, those where a move
    was forecast and came.
    """

    session: str | None
    counted: int
    mae_model: float | None
    mae_persistence: float | None
    gain: float | None
    gain_deviation: float | None
    coverage_90: float | None
    coverage_50: float | None = None
    mae_bp: float | None = None
    direction: float | None = None
    moved: int = 0


class Watched(NamedTuple):
    """Hold what monitoring last found: the open alert, and the newest look; times in epoch milliseconds."""

    alert: dict[str, Any] | None
    look: dict[str, Any] | None


class Quote(NamedTuple):
    """Hold a symbol's newest bar's open in epoch milliseconds, its close, the share by which that is above the close of
    the day before, and the forecast made at that bar; None where there is none."""

    symbol: str
    ts: int | None
    last: float | None
    change: float | None
    forecast: float | None


class Span(NamedTuple):
    """Say which rows: `since` to `until` in epoch milliseconds, the newest `limit` of them."""

    symbol: str
    since: int
    until: int
    limit: int


class Run(NamedTuple):
    """Hold batches that were committed one after another: how many, the last one's id, and where their rows are."""

    batches: int
    newest: int
    stored: list[datetime] | None
    first: datetime | None
    last: datetime | None


class Changes(NamedTuple):
    """Hold rows that batches brought, ascending; each with its symbol before what a Span's rows hold."""

    bars: list[Row]
    forecasts: list[Row]


class Service(NamedTuple):
    """Hold what a service last said, and how many wall seconds ago."""

    state: dict[str, Any]
    age: float
