"""What is in memory: lost for exactly the partitions that move, and back from the database at the next bar."""

import numpy as np

from tests.unit.serving.streams import CONFIG, Stream, batches, day

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


def test_no_bar_matters_that_is_as_many_longest_holes_back_as_a_window_and_its_past_have_steps() -> None:
    bars = day(sessions=3)
    at = np.array([bars[780].ts, bars[490].ts])  # 15 steps of the window and 50 before it, of 6 minutes each
    assert CONFIG.earliest(np.zeros(2, dtype=np.int64), at).tolist() == [bars[390].ts, bars[100].ts]


def test_symbols_with_a_bar_now_concat_are_forecast_after_a_restart_as_before() -> None:
    sparse = [bar for bar in day(sessions=2) if bar.ts // 60 % (CONFIG.limit + 1) == 0]
    seen, restarted = Stream(), Stream()
    for bar in sparse:
        seen.send(bar)
        restarted.send(bar).forget()
    assert seen.forecasts == restarted.forecasts
    assert len(seen.forecasts) > 100


def test_a_bar_late_by_any_time_is_forecast_after_a_restart_as_before() -> None:
    bars = day(sessions=2, without=range(150, 170))
    for late in (3, 60, 149, 200, 389, 390):
        order = [*bars[:late], *bars[late + 1 :], bars[late]]
        seen, restarted = Stream().send(*order[:-1]), Stream().send(*order[:-1]).forget()
        seen.send(order[-1])
        restarted.send(order[-1])
        assert seen.forecasts == restarted.forecasts
        assert seen.bars == restarted.bars
