"""The steps of a batch while what they need is unavailable: nothing is forecast twice, and no state moves twice."""

from dataclasses import dataclass

import numpy as np

from serving.common.decode_bars import BarBatch
from serving.consumer.batch import bar_table
from serving.consumer.in_order import Update
from serving.consumer.predict import Models
from stock_ml.adapters.postgres.store import Forecasts, Stored
from stock_ml.errors import SourceUnavailable, StoreUnavailable
from tests.unit.serving.streams import CONFIG, SERVING, MemoryStore, Stream, batches, day

GOOGL = day()[:80]


class Away(MemoryStore):
    """Stand for a database that goes away for some calls when it has most of a batch."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = self.left = calls

    def finish(self, writing: tuple[np.ndarray, np.ndarray], insert: Forecasts, merge: Forecasts) -> Stored:
        self.left -= 1
        if self.left >= 0:
            raise StoreUnavailable("away")
        self.left = self.calls
        return super().finish(writing, insert, merge)


@dataclass
class Running:
    """Stand for a clock that moves on by a minute each time somebody reads it."""

    at: float

    def now(self) -> float:
        self.at += 60
        return self.at


def test_forecasts_made_while_the_database_is_unavailable_are_stored_later_and_late_by_then() -> None:
    store, clock = Away(2), Running(GOOGL[15].ts)
    consumer = batches(store, clock=clock)
    assert consumer.store_bars(BarBatch.of_bars(GOOGL[:16], CONFIG.slots), Models(SERVING)) == (16, 1)
    assert consumer.stopping.waits == 2
    assert [(one.made_at, one.late) for one in store.forecasts.values()] == [(GOOGL[15].ts + 180.0, True)]


def test_forecasts_are_made_once_even_if_the_database_fails_while_it_receives_them() -> None:
    store = Away(1)
    consumer = batches(store)
    for start in range(0, len(GOOGL), 5):
        consumer.store_bars(BarBatch.of_bars(GOOGL[start : start + 5], CONFIG.slots), Models(SERVING))
    assert consumer.stopping.waits == len(GOOGL) / 5
    assert store.forecasts == Stream().send(*GOOGL).forecasts


@dataclass
class Unavailable(Running):
    """Stand for a clock that does not answer at first."""

    left: int = 2

    def now(self) -> float:
        self.left -= 1
        if self.left == 0:
            raise SourceUnavailable("away")
        return super().now()


class Cancelling(MemoryStore):
    """Count how often a transaction is rolled back."""

    cancelled = 0

    def cancel(self, _: object) -> None:
        self.cancelled += 1


def test_no_transaction_waits_for_a_clock_that_does_not_answer() -> None:
    store = Cancelling()
    consumer = batches(store, clock=Unavailable(GOOGL[0].ts, left=1))
    assert consumer.store_bars(BarBatch.of_bars(GOOGL[:16], CONFIG.slots), Models(SERVING)) == (16, 1)
    assert (store.cancelled, consumer.stopping.waits) == (1, 1)


def test_of_no_update_there_are_no_rows() -> None:
    updates: list[Update] = []
    assert len(bar_table(updates, CONFIG)) == 0
