"""Bars put in at the source by hand, kept in a file, so that they are still there after a restart."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sandbox.market import Day
from stock_ml.domain.bars import Bar


@dataclass
class InjectedBars:
    """Hold bars by symbol and time; the last one put in for a minute counts."""

    path: Path
    bars: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "InjectedBars":
        """Return the bars that the file holds, none where there is no file."""
        lines = path.read_text().splitlines() if path.exists() else []
        return cls(path, {(symbol, ts): values for symbol, ts, values in map(json.loads, lines)})

    def put(self, bar: Bar) -> None:
        """Put a bar in, and store it."""
        values = [bar.open, bar.high, bar.low, bar.close, bar.volume]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps([bar.symbol, bar.ts, values]) + "\n")
        self.bars = {**self.bars, (bar.symbol, bar.ts): values}

    def over(self, symbol: str, day: Day, edges: tuple[int, int]) -> Day:
        """Return a day with the bars put in between two times in place of the simulated ones."""
        mine = {ts: v for (name, ts), v in self.bars.items() if name == symbol and edges[0] <= ts < edges[1]}
        if not mine:
            return day
        rows = dict(zip(day.ts.tolist(), day.values.tolist(), strict=True)) | mine
        ts = sorted(rows)
        return Day(np.array(ts, dtype=np.int64), np.array([rows[t] for t in ts], dtype=np.float64))
