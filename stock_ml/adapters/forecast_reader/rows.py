"""What is asked for, and what comes back."""

from datetime import datetime
from typing import Any, NamedTuple

Row = tuple[Any, ...]


class Score(NamedTuple):
    """Hold the newest session's errors in price units over the forecasts that count; None where there are none."""

    session: str | None
    counted: int
    mae_model: float | None
    mae_persistence: float | None
    gain: float | None
    gain_deviation: float | None
    coverage_90: float | None


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
