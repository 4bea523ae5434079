"""What is in memory: lost for exactly the partitions that move, and back from the database at the next bar."""

import numpy as np
import pytest

from serving.common.bar_batch import Arrived
from serving.consumer.predict import Models
from serving.consumer.state import Keeper
from stock_ml.adapters.postgres.store import Coming, Rows, Stored
from stock_ml.domain.clock import EventClock
from stock_ml.errors import StoreUnavailable
from tests.unit.serving.streams import RULES, SERVING, MemoryStore, Standing, Stream, day

GOOGL, AAPL = day()[:80], day(symbol="AAPL", seed=2)[:80]


def test_only_the_symbols_of_partitions_that_move_are_read_again() -> None:
    stream = Stream()
    stream.send(*GOOGL[:40], partition=0).send(*AAPL[:40], partition=1)
    assert stream.store.asked == ["GOOGL", "AAPL"]
    stream.keeper.forget([1, 3])
    stream.send(*GOOGL[40:60], partition=0).send(*AAPL[40:60], partition=1)
    assert stream.store.asked == ["GOOGL", "AAPL", "AAPL"]
    stream.send(*GOOGL[60:], *AAPL[60:], partition=1)  # the topic got more partitions: GOOGL comes from another one
    assert stream.store.asked == ["GOOGL", "AAPL", "AAPL", "GOOGL"]
    assert stream.forecasts == Stream().send(*GOOGL, *AAPL).forecasts


def test_after_a_move_bars_that_another_consumer_stored_are_known() -> None:
    stream, other = Stream(), Stream()
    other.store = stream.store
    other.keeper = Keeper(stream.store, EventClock(), RULES)
    stream.send(*GOOGL[:30])
    stream.keeper.forget([0])
    other.send(*GOOGL[25:60])
    stream.send(*GOOGL[55:])
    assert stream.forecasts == Stream().send(*GOOGL).forecasts


class Away(MemoryStore):
    """Stand for a database that is away for the first calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def store_batch(self, fresh: Rows | Coming, known: Rows) -> Stored:
        self.left -= 1
        if self.left >= 0:
            raise StoreUnavailable("away")
        return super().store_batch(fresh, known)


def test_what_was_taken_while_the_database_is_away_is_stored_once_it_is_back_and_late_by_then() -> None:
    store, clock = Away(2), Standing(GOOGL[15].ts + 61.0)
    keeper = Keeper(store, clock, RULES)
    handled = keeper.take(Arrived.of_bars(GOOGL[:16], RULES.slots), Models(SERVING))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            keeper.store(handled)
        clock.at += 60
    assert keeper.store(handled) == (16, 1)
    made = list(store.forecasts.values())
    assert [(one.made_at, one.late) for one in made] == [(clock.at, True)]


class Breaking(MemoryStore):
    """Stand for a database that goes away each second time when it has most of a batch."""

    broken = False

    def store_batch(self, fresh: Rows | Coming, known: Rows) -> Stored:
        self.broken = not self.broken
        if self.broken:
            assert fresh.forecasts is not None
            raise StoreUnavailable("away")
        return super().store_batch(fresh, known)


def test_forecasts_are_made_once_though_the_database_goes_away_while_it_takes_them() -> None:
    store = Breaking()
    keeper = Keeper(store, EventClock(), RULES)
    for start in range(0, len(GOOGL), 5):
        handled = keeper.take(Arrived.of_bars(GOOGL[start : start + 5], RULES.slots), Models(SERVING))
        with pytest.raises(StoreUnavailable):
            keeper.store(handled)
        keeper.store(handled)
    assert store.forecasts == Stream().send(*GOOGL).store.forecasts


def test_no_bar_matters_that_is_as_many_longest_holes_back_as_a_window_has_steps() -> None:
    bars = day(sessions=2)
    at = np.array([bars[390].ts, bars[100].ts])  # the first one's window may cross the night
    assert RULES.needed(at, RULES.sessions).tolist() == [bars[300].ts, bars[10].ts]


def test_symbols_with_a_bar_now_and_then_are_forecast_after_a_restart_as_before() -> None:
    sparse = [bar for bar in day(sessions=6) if bar.ts // 60 % (RULES.limit + 1) == 0]
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
