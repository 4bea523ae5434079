"""What is stored: one row a bar, one row a forecast; as tables of many rows, and as single ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

PRICES = ("open", "high", "low", "close")
BOUNDS = ("lower_50", "upper_50", "lower_90", "upper_90", "lower_99", "upper_99")
NUMBERS = ("last_close", "predicted_close", *BOUNDS)
STRETCHES = ("stretch_50", "stretch_90", "stretch_99")
# the columns of BarRow and ForecastRow below
BARS = np.dtype(
    [
        ("symbol", "S16"),
        ("ts", np.int64),
        *((name, np.float64) for name in (*PRICES, "volume")),
        ("filled", np.bool_),
        ("source", "S16"),
        ("late", np.bool_),
    ]
)
FORECASTS = np.dtype(
    [
        ("symbol", "S16"),
        ("bar_ts", np.int64),
        ("horizon", np.int16),
        ("target_ts", np.int64),
        ("session", "M8[D]"),
        *((name, np.float64) for name in NUMBERS),
        ("model_version", "S32"),
        ("trained_until", np.float64),
        ("made_at", np.float64),
        ("late", np.bool_),
        *((name, np.float32) for name in STRETCHES),
    ]
)


class BarRow(NamedTuple):
    """Hold one minute as stored; `ts` in UTC epoch seconds. `late`: a newer bar of the symbol was known before it."""

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    filled: bool
    source: str
    late: bool


class ForecastRow(NamedTuple):
    """Hold one forecast as stored; times in UTC epoch seconds, `session` as YYYY-MM-DD, bounds as prices.

    `late`: the target was known when it was made. `stretch_90`: the log of how much wider than calibrated its interval
    at 90 % was by then.
    """

    symbol: str
    bar_ts: int
    horizon: int
    target_ts: int
    session: str
    last_close: float
    predicted_close: float
    lower_50: float
    upper_50: float
    lower_90: float
    upper_90: float
    lower_99: float
    upper_99: float
    model_version: str
    trained_until: float
    made_at: float
    late: bool
    stretch_50: float = 0.0
    stretch_90: float = 0.0
    stretch_99: float = 0.0


Table = Sequence[Any] | np.ndarray  # single rows, or a table of them


class Rows(NamedTuple):
    """Hold what is stored together: a table of BARS, and FORECASTS of the champion and, as shadows, of a challenger."""

    bars: np.ndarray
    forecasts: np.ndarray
    shadows: np.ndarray

    @classmethod
    def of(cls, bars: Table = (), forecasts: Table = (), shadows: Table = ()) -> "Rows":
        """Take tables, or single rows."""
        return cls(_table(bars, BARS), _table(forecasts, FORECASTS), _table(shadows, FORECASTS))

    @classmethod
    def together(cls, *parts: "Rows") -> "Rows":
        """Return the rows of several parts, in their order."""
        return parts[0] if len(parts) == 1 else cls(*(np.concatenate(tables) for tables in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class Coming:
    """Hold rows whose forecasts are made, once, when they are first asked for: the database takes the bars meanwhile.

    `make` returns the champion's and the challenger's.
    """

    bars: np.ndarray
    make: Callable[[], Sequence[np.ndarray]]

    @classmethod
    def together(cls, *parts: "Coming") -> "Coming":
        """Return the rows of several parts, in their order."""
        none = Rows.of()
        return cls(
            np.concatenate([none.bars, *(part.bars for part in parts)]),
            lambda: [np.concatenate(tables) for tables in zip(none[1:], *(part._made for part in parts), strict=True)],
        )

    @property
    def forecasts(self) -> np.ndarray:
        """Return the champion's."""
        return self._made[0]

    @property
    def shadows(self) -> np.ndarray:
        """Return the challenger's."""
        return self._made[1]

    @property
    def rows(self) -> Rows:
        """Return the same, all made."""
        return Rows(self.bars, *self._made)

    @cached_property
    def _made(self) -> Sequence[np.ndarray]:
        return self.make()


def _table(rows: Table, dtype: np.dtype) -> np.ndarray:
    return rows if isinstance(rows, np.ndarray) else np.array(list(rows), dtype=dtype)
