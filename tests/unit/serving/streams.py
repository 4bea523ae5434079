"""Drive the handler as the consumer does, with memory in the database's place."""

from collections.abc import Iterable, Sequence

import numpy as np

from serving.forecasting import Serving, by_symbol, handle
from serving.rules import Rules
from serving.taking import reaches
from stock_ml.adapters.forecast_store import BarRow, ForecastRow
from stock_ml.bars import MINUTE, Bar
from stock_ml.features import FEATURES
from stock_ml.gaps import Minutes
from stock_ml.scorer import Scorer
from tests.walks import NYSE, minutes_of, take, walk

RULES = Rules(frozenset({"GOOGL", "AAPL"}), "sandbox", NYSE, window=16, horizon=1, limit=5)
SCORER = Scorer(
    "linear",
    tuple(0.1 * (i + 1) for i in range(len(FEATURES))),
    1e-5,
    {"50": 0.7, "90": 1.7, "99": 2.6},
    RULES.schema,
    0,
)
SERVING = Serving("7", "run", SCORER)
DAY = minutes_of("2024-03-01", 1)


def bars_of(minutes: Minutes, symbol: str = "GOOGL") -> list[Bar]:
    columns = (column.tolist() for column in list(vars(minutes).values())[:6])
    return [Bar(symbol, *row, source="sandbox") for row in zip(*columns, strict=True)]


def day(*, without: Iterable[int] = (), sessions: int = 1, symbol: str = "GOOGL", seed: int = 1) -> list[Bar]:
    """Return the bars of whole sessions from 2024-03-01 on, without the rows named."""
    ts = minutes_of("2024-03-01", sessions)
    keep = np.setdiff1d(np.arange(len(ts)), list(without))
    return bars_of(take(walk(ts, seed), keep), symbol)


class Stream:
    """Keep what is stored, by the rules that the database keeps."""

    def __init__(self, rules: Rules = RULES, now: float | None = None, serving: Serving | None = SERVING) -> None:
        self.rules, self.now, self.serving = rules, now, serving
        self.histories: dict[str, Minutes] = {}
        self.bars: dict[tuple[str, int], BarRow] = {}
        self.forecasts: dict[tuple[str, int], ForecastRow] = {}

    def send(self, *bars: Bar) -> "Stream":
        for symbol, new in by_symbol(bars).items():
            oldest = min(bar.ts for bar in new)
            if not reaches(self.histories.get(symbol), oldest, self.rules):
                self.histories[symbol] = Minutes.of_bars(self._received(symbol, oldest))
        handled = handle(self.histories, bars, self.serving, self.now, self.rules)
        for row in handled.bars:
            if self.bars.get((row.symbol, row.ts), row).filled or (row.symbol, row.ts) not in self.bars:
                self.bars[row.symbol, row.ts] = row
        for made in handled.forecasts:
            self.forecasts.setdefault((made.symbol, made.bar_ts), made)
        self.histories |= handled.histories
        return self

    def forget(self) -> "Stream":
        """Restart: all that is in memory is gone."""
        self.histories.clear()
        return self

    def _received(self, symbol: str, before: int) -> Sequence[Bar]:
        rows = sorted(row for row in self.bars.values() if row.symbol == symbol and not row.filled)
        first = max(sum(row.ts < before for row in rows) - self.rules.rows, 0)
        return [Bar(row.symbol, *row[1:7], source=row.source) for row in rows[first:]]


def minute(number: int) -> int:
    return int(DAY[0]) + number * MINUTE
