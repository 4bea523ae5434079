"""What the stream of one installation must keep to."""

from dataclasses import dataclass
from typing import Any

from stock_ml.config import Settings
from stock_ml.features import schema
from stock_ml.sessions import Sessions, sessions

LATE_ROWS = 60  # a bar this many rows late is placed without asking the database


@dataclass(frozen=True)
class Rules:
    """Hold what is served: symbols and source; rows of a window, minutes ahead, longest hole that is filled."""

    symbols: frozenset[str]
    source: str
    sessions: Sessions
    window: int
    horizon: int
    limit: int

    @classmethod
    def of(cls, s: Settings) -> "Rules":
        """Take the rules from the settings."""
        calendar = sessions(s.exchange)
        return cls(frozenset(s.symbols), s.source, calendar, s.window, s.horizon, s.feed_gap_minutes)

    @property
    def rows(self) -> int:
        """Return how many received bars of a symbol are kept in memory."""
        return self.window + LATE_ROWS

    @property
    def schema(self) -> dict[str, Any]:
        """Return the feature schema that a model must have been trained on."""
        return schema(self.window, self.horizon, self.limit, self.sessions.exchange)
