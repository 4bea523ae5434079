"""What is asked for, and what comes back."""

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
    """Say which rows: `since` to `until` in epoch milliseconds, stored at or after `stored` (epoch microseconds)."""

    symbol: str
    since: int
    until: int
    stored: int
    limit: int


class Service(NamedTuple):
    """Hold what a service last said, and how many wall seconds ago."""

    state: dict[str, Any]
    age: float
