"""What is in memory: lost for exactly the partitions that move, and back from the database at the next bar."""

from dataclasses import dataclass

import numpy as np

from serving.common.decode import BarBatch
from serving.consumer.predict import Models
from stock_ml.adapters.postgres.store import Forecasts, Stored
from stock_ml.errors import StoreUnavailable
from tests.unit.serving.streams import CONFIG, SERVING, MemoryStore, Stream, batches, day

GOOGL, AAPL = day()[:80], day(symbol="AAPL", seed=2)[:80]


def test_only_the_symbols_of_partitions_that_move_are_read_again() -> None:
    stream = Stream()
    stream.send(*GOOGL[:40], partition=0).send(*AAPL[:40], partition=1)
    assert stream.store.asked == ["GOOGL", "AAPL"]
    stream.state.forget([1, 3])
    stream.send(*GOOGL[40:60], partition=0).send(*AAPL[40:60], partition=1)
    assert stream.store.asked == ["GOOGL", "AAPL", "AAPL"]
    stream.send(*GOOGL[60:], *AAPL[60:], partition=1)  # the topic got more partitions: GOOGL comes from another one
    assert stream.store.asked == ["GOOGL", "AAPL", "AAPL", "GOOGL"]
    assert stream.forecasts == Stream().send(*GOOGL, *AAPL).forecasts


def test_after_a_move_bars_that_another_consumer_stored_are_known() -> None:
    stream, other = Stream(), Stream()
    other.batches = batches(stream.store)
    other.state = other.batches.state
    stream.send(*GOOGL[:30])
    stream.state.forget([0])
    other.send(*GOOGL[25:60])
    stream.send(*GOOGL[55:])
    assert stream.forecasts == Stream().send(*GOOGL).forecasts


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


def test_what_is_forecast_while_the_database_is_away_is_stored_once_it_is_back_and_late_by_then() -> None:
    store, clock = Away(2), Running(GOOGL[15].ts)
    consumer = batches(store, clock=clock)
    assert consumer.store_bars(BarBatch.of_bars(GOOGL[:16], CONFIG.slots), Models(SERVING)) == (16, 1)
    assert consumer.stopping.waits == 2
    assert [(one.made_at, one.late) for one in store.forecasts.values()] == [(GOOGL[15].ts + 180.0, True)]


def test_forecasts_are_made_once_though_the_database_goes_away_while_it_receives_them() -> None:
    store = Away(1)
    consumer = batches(store)
    for start in range(0, len(GOOGL), 5):
        consumer.store_bars(BarBatch.of_bars(GOOGL[start : start + 5], CONFIG.slots), Models(SERVING))
    assert consumer.stopping.waits == len(GOOGL) / 5
    assert store.forecasts == Stream().send(*GOOGL).forecasts


def test_no_bar_matters_that_is_as_many_longest_holes_back_as_a_window_has_steps() -> None:
    bars = day(sessions=2)
    at = np.array([bars[390].ts, bars[100].ts])  # the first one's window may cross the night
    assert CONFIG.earliest(np.zeros(2, dtype=np.int64), at).tolist() == [bars[300].ts, bars[10].ts]


def test_symbols_with_a_bar_now_concat_are_forecast_after_a_restart_as_before() -> None:
    sparse = [bar for bar in day(sessions=6) if bar.ts // 60 % (CONFIG.limit + 1) == 0]
    seen, restarted = Stream(), Stream()
    for bar in sparse:
        seen.send(bar)
        restarted.send(bar).forget()
    assert seen.forecasts == restarted.forecasts
    assert len(seen.forecasts) > 300


def test_a_bar_late_by_any_time_is_forecast_after_a_restart_as_before() -> None:
    bars = day(sessions=2, without=range(150, 170))
    for late in (3, 60, 149, 200, 389, 390):
        order = [*bars[:late], *bars[late + 1 :], bars[late]]
        seen, restarted = Stream().send(*order[:-1]), Stream().send(*order[:-1]).forget()
        seen.send(order[-1])
        restarted.send(order[-1])
        assert seen.forecasts == restarted.forecasts
        assert seen.bars == restarted.bars
