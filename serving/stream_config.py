"""What the stream of one installation consists of: its symbols with their calendars, windows and horizon."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stock_ml.config import Settings
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.outliers import MEMORY
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.features import schema

LATE_ROWS = 60  # a bar this many rows late is placed without asking the database


@dataclass(frozen=True)
class StreamConfig:
    """Hold symbols and source; rows of a window, minutes ahead, the longest hole that is filled.

    `sessions` are those of most symbols, `others` those of symbols that are traded elsewhere. `feed_delay`: seconds by
    which the feed is stated to be delayed.
    """

    symbols: frozenset[str]
    source: str
    sessions: Sessions
    window: int
    horizon: int
    limit: int
    others: Mapping[str, Sessions] = field(default_factory=dict)
    feed_delay: int = 0

    @classmethod
    def of(cls, s: Settings) -> "StreamConfig":
        """Return the settings of the stream. Raises BadSetting where an exchange or a closure is not known."""
        calendars = s.calendars
        usual = calendars.of("")
        others = {symbol: calendars.of(symbol) for symbol, exchange in s.exchanges if exchange != usual.exchange}
        numbers = (s.window, s.horizon, s.feed_gap_minutes)
        return cls(frozenset(s.symbols), s.source, usual, *numbers, others, s.feed_delay)

    @property
    def rows(self) -> int:
        """Return how many rows of a symbol stay in memory."""
        return self.window + MEMORY + LATE_ROWS

    @property
    def schema(self) -> FeatureSchema:
        """Return the feature schema that a model must have been trained on."""
        return schema(self.window, self.horizon, self.limit, self.sessions.exchange)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the symbols in order; a symbol's place here is its slot."""
        return tuple(sorted(self.symbols))

    @cached_property
    def slots(self) -> dict[str, int]:
        """Return each symbol's slot."""
        return {name: slot for slot, name in enumerate(self.names)}

    @cached_property
    def symbol_table(self) -> np.ndarray:
        """Return the symbols by slot as bytes, (S,)."""
        return np.array([name.encode() for name in self.names])

    @cached_property
    def name_table(self) -> np.ndarray:
        """Return the symbols by slot as text, (S,)."""
        return np.array(self.names)

    @cached_property
    def calendars(self) -> tuple[Sessions, ...]:
        """Return the sessions of each exchange on which symbols are traded, the usual one first."""
        return tuple({each.exchange: each for each in (self.sessions, *self.others.values())}.values())

    @cached_property
    def calendar(self) -> np.ndarray:
        """Return for each slot which of the `calendars` its symbol follows, (S,)."""
        place = {each.exchange: number for number, each in enumerate(self.calendars)}
        return np.array([place[self.sessions_of(name).exchange] for name in self.names], dtype=np.int64)

    def by_calendar(self, slot: np.ndarray) -> Iterator[tuple[np.ndarray | slice, Sessions]]:
        """Yield which of some slots, (n,), follow a calendar, and its sessions. Usually all follow the same one."""
        if len(self.calendars) == 1:
            yield slice(None), self.sessions
            return
        calendar = self.calendar[slot]
        for number in np.unique(calendar).tolist():
            yield calendar == number, self.calendars[number]

    def in_session(self, slot: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Say of minutes of symbols whether they lie in a session, (n,)."""
        inside = np.zeros(len(ts), dtype=bool)
        for own, sessions in self.by_calendar(slot):
            inside[own] = sessions.number(ts[own]) >= 0
        return inside

    def earliest(self, slot: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return the first minute whose bar can be in a window that ends at `ts` or later, both in epoch seconds.

        A window's rows, and the bars that say which of them are outliers, are at most `limit + 1` trading minutes
        apart, so that much before no bar matters any more.
        """
        earliest = np.zeros(len(ts), dtype=np.int64)
        for own, sessions in self.by_calendar(slot):
            index = np.maximum(sessions.index(ts[own]) - (self.window - 1 + MEMORY) * (self.limit + 1), 0)
            earliest[own] = sessions.time(index)
        return earliest

    def session_closed_at(self, symbol: str, close: int) -> str:
        """Return the date YYYY-MM-DD of the session of a symbol that closes at a time, UTC epoch seconds."""
        sessions = self.sessions_of(symbol)
        return str(sessions.dates[np.searchsorted(sessions.closes, close)])

    def sessions_of(self, symbol: str) -> Sessions:
        """Return the sessions in which a symbol is traded."""
        return self.others.get(symbol, self.sessions)
