"""Drive the consumer's steps, with memory in the place of Kafka and PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.batch import Batches
from serving.consumer.predict import Models, Serving
from serving.consumer.state import ConsumerState
from serving.stream_config import StreamConfig
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.store import (
    STORED_BARS,
    STORED_FORECASTS,
    Around,
    BarRow,
    ForecastRow,
    Forecasts,
    OfficialCloseRow,
    OtherRows,
    Stored,
)
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.clock import Clock, EventClock
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import OfficialClose
from stock_ml.model.features import FEATURES
from stock_ml.model.scorer import Scorer
from tests.walks import NYSE, minutes_of, take, walk

CONFIG = StreamConfig(frozenset({"GOOGL", "AAPL"}), "sandbox", NYSE, window=16, horizon=1, limit=5)
SCORER = Scorer(
    "linear",
    tuple(0.1 * (i + 1) for i in range(len(FEATURES))),
    1e-5,
    {"50": 0.7, "90": 1.7, "99": 2.6},
    CONFIG.schema,
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


@dataclass
class Standing:
    """Stand for a clock that somebody reads."""

    at: float

    def now(self) -> float:
        return self.at


class Replaced(NamedTuple):
    """Hold a version of a bar that is not the newest one, as stored."""

    symbol: str
    ts: int
    revision: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    outlier: bool
    late: bool


Sent = tuple[np.ndarray, np.ndarray, OtherRows]  # bars to insert, to merge, and what comes with them


class MemoryStore:
    """Keep rows by the rules that the database keeps."""

    def __init__(self) -> None:
        self.bars: dict[tuple[str, int], BarRow] = {}
        self.replaced: dict[tuple[str, int, int], Replaced] = {}
        self.forecasts: dict[tuple[str, int], ForecastRow] = {}
        self.shadows: dict[tuple[str, int, str], ForecastRow] = {}
        self.closes: dict[tuple[str, int], OfficialCloseRow] = {}
        self.asked: list[str] = []  # symbols that were read again
        self.feed_delay: dict[str, int] = {}  # as the producer reports it

    def begin(
        self, insert: np.ndarray, merge: np.ndarray, others: OtherRows
    ) -> tuple[np.ndarray, np.ndarray, OtherRows]:
        return insert, merge, others

    def finish(self, writing: Sent, insert: Forecasts, merge: Forecasts) -> Stored:
        self._store_closes(writing[2].closes)
        stored, made = bar_rows(writing[0]), forecast_rows(insert.champion)
        assert not {row[:2] for row in stored} & self.bars.keys()
        assert not {row[:2] for row in made} & self.forecasts.keys()
        for row in stored + bar_rows(writing[1]):
            known = self.bars.setdefault((row.symbol, row.ts), row)
            if known.filled:
                self.bars[row.symbol, row.ts] = row
            elif row.revision > known.revision:
                self._replace(known)
                self.bars[row.symbol, row.ts] = row._replace(late=known.late)
            elif (known[2:8], known.revision) == (row[2:8], row.revision):
                self.bars[row.symbol, row.ts] = known._replace(outlier=row.outlier)
        for symbol, *rest in writing[2].replaced.tolist():
            version = Replaced(symbol.decode(), *rest)
            self.replaced.setdefault(version[:3], version)
        self._unfill(writing[2].unfilled)
        for one in made + forecast_rows(merge.champion):
            self.forecasts.setdefault((one.symbol, one.bar_ts), one)
        for one in forecast_rows(insert.challenger) + forecast_rows(merge.challenger):
            self.shadows.setdefault((one.symbol, one.bar_ts, one.model_version), one)
        return Stored(len(stored), len(made))

    def _unfill(self, unfilled: np.ndarray) -> None:
        for symbol, ts in unfilled.tolist():
            known = self.bars.get((symbol.decode(), ts))
            if known is not None and known.filled:
                del self.bars[symbol.decode(), ts]

    def _replace(self, row: BarRow) -> None:
        key = row.symbol, row.ts, row.revision
        self.replaced.setdefault(key, Replaced(*key, *row[2:7], row.outlier, late=False))

    def read_state(self, service: str) -> ServiceState | None:
        return ServiceState({"feed_delay": self.feed_delay}, 1.0) if service == "producer" else None

    def cancel(self, _: object) -> None:
        """Forget what was begun: nothing of it is here."""

    def official_closes(self, symbols: Sequence[str], since: int) -> list[OfficialClose]:
        found = (row for row in self.closes.values() if row.symbol in symbols and row.ts >= since)
        return [OfficialClose(*row[:5]) for row in sorted(found)]

    def _store_closes(self, closes: Sequence[OfficialCloseRow]) -> None:
        for close in closes:
            known = self.closes.setdefault((close.symbol, close.ts), close)
            if close.volume >= known.volume:
                self.closes[close.symbol, close.ts] = close

    def newest(self, wanted: Mapping[str, Around], count: int) -> np.ndarray:
        self.asked += wanted
        rows = [
            (place, *bar[1:7], bar.revision)
            for place, (symbol, around) in enumerate(wanted.items())
            for bar in self._received(symbol, around, count)
        ]
        return np.array(rows, dtype=STORED_BARS)

    def newest_forecasts(self, symbols: Sequence[str], horizon: int) -> np.ndarray:
        rows = [
            (place, row.bar_ts, row.target_ts, *row[7:13], *row[17:20], self._close(symbol, row.target_ts))
            for place, symbol in enumerate(symbols)
            for row in sorted((f for f in self.forecasts.values() if f.symbol == symbol), key=lambda f: f.bar_ts)[
                -horizon:
            ]
        ]
        return np.array(rows, dtype=STORED_FORECASTS)

    def _close(self, symbol: str, ts: int) -> float:
        versions = [row for row in self.replaced.values() if row[:2] == (symbol, ts) and not row.late]
        bar = min(versions, key=lambda row: row.revision, default=self.bars.get((symbol, ts)))
        return np.nan if bar is None or bar.outlier else bar.close

    def _received(self, symbol: str, around: Around, count: int) -> list[BarRow]:
        received = (row for row in self.bars.values() if row.symbol == symbol and not row.filled)
        rows = sorted(row for row in received if row.ts >= around.since)
        return rows[max(sum(row.ts < around.before for row in rows) - count, 0) :]


class NoKafka:
    """Stand for subscriber and publisher where bars are given by hand."""


def batches(store: MemoryStore, config: StreamConfig = CONFIG, clock: Clock | None = None) -> Batches:
    """Return the consumer's steps without a broker; without a clock it is a replay."""
    state = ConsumerState(store, config)
    return Batches(NoKafka(), NoKafka(), store, state, config, clock or EventClock(), Impatient())


class Impatient(Event):
    """Stand for the event that stops the consumer: who waits for it, waits for no time."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return self.is_set()


class Stream:
    """Send bars as the consumer does, with memory in the database's place; `now` None is a replay."""

    def __init__(
        self, config: StreamConfig = CONFIG, now: float | None = None, serving: Serving | None = SERVING
    ) -> None:
        self.config, self.serving, self.store = config, serving, MemoryStore()
        self.challenger: Serving | None = None
        self.batches = batches(self.store, config, None if now is None else Standing(now))
        self.state = self.batches.state

    @property
    def bars(self) -> dict[tuple[str, int], BarRow]:
        return self.store.bars

    @property
    def forecasts(self) -> dict[tuple[str, int], ForecastRow]:
        return self.store.forecasts

    @property
    def replaced(self) -> dict[tuple[str, int, int], Replaced]:
        return self.store.replaced

    def send(self, *bars: Bar, partition: int = 0, closes: Sequence[OfficialClose] = ()) -> "Stream":
        batch = BarBatch.of_bars(bars, self.config.slots)
        self.state.assign(batch, np.full(len(bars), partition))
        self.batches.store_bars(batch, Models(self.serving, self.challenger), closes)
        return self

    def forget(self) -> "Stream":
        """Restart: all that is in memory is gone."""
        self.state.forget([0, 1])
        return self


def bar_rows(table: np.ndarray) -> list[BarRow]:
    """Return the rows of a table of BARS one by one."""
    rows = [BarRow(*row) for row in table.tolist()]
    return [row._replace(symbol=row.symbol.decode(), source=row.source.decode()) for row in rows]


def forecast_rows(table: np.ndarray) -> list[ForecastRow]:
    """Return the rows of a table of FORECASTS one by one."""
    rows = [ForecastRow(*row) for row in table.tolist()]
    told = [(row.symbol.decode(), str(row.session), row.model_version.decode()) for row in rows]
    return [
        row._replace(symbol=symbol, session=day, model_version=version)
        for row, (symbol, day, version) in zip(rows, told, strict=True)
    ]


def numbers(row: ForecastRow) -> tuple[float, ...]:
    """Return last close, predicted close, bounds and interval scales of a forecast."""
    return row[5:13] + row[17:20]


def minute(number: int) -> int:
    return int(DAY[0]) + number * MINUTE
