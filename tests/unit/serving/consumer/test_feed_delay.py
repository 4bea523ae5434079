"""A forecast is late once the feed, delayed or not, could have shown its outcome."""

from dataclasses import replace

import numpy as np
import pytest

from serving.consumer.feed_delay import LONGEST, FeedDelay
from stock_ml.domain.calendar import sessions
from tests.unit.serving.streams import CONFIG, MemoryStore, Stream, day, minute

BARS = day()[:16]
KNOWN = BARS[-1].ts + 60
STATED = replace(CONFIG, feed_delay=900)


@pytest.mark.parametrize(("seconds", "late"), [(0.0, False), (901.0, False), (959.9, False), (960.0, True)])
@pytest.mark.parametrize("stated", [True, False])
def test_of_a_delayed_feed_a_forecast_is_late_that_much_later(seconds: float, late: bool, stated: bool) -> None:
    stream = Stream(STATED if stated else CONFIG, now=KNOWN + seconds)
    stream.store.feed_delay = {"XNYS": 0 if stated else 900}
    made = stream.send(*BARS).forecasts["GOOGL", BARS[-1].ts]
    assert (made.late, made.made_at) == (late, KNOWN + seconds)


def test_what_is_stored_stays_when_it_is_delivered_again_with_another_delay() -> None:
    stream = Stream(now=KNOWN + 901)
    before = dict(stream.send(*BARS).forecasts)
    assert before["GOOGL", BARS[-1].ts].late
    stream.store.feed_delay = {"XNYS": 900}
    stream.forget()
    assert stream.send(*BARS).forecasts == before


def test_a_bar_shown_after_its_outcome_is_forecast_late_however_long_the_delay() -> None:
    stream = Stream(STATED, now=minute(17) + 60.0)
    bars = day()[:18]
    stream.send(*bars[:15], *bars[16:]).send(bars[15])
    assert stream.forecasts["GOOGL", minute(15)].late
    assert not stream.forecasts["GOOGL", minute(17)].late


def test_each_exchange_has_its_own_delay_and_the_larger_of_stated_and_learned_counts() -> None:
    config = replace(CONFIG, symbols=frozenset({"GOOGL", "AAPL", "VOD"}), others={"VOD": sessions("XLON")})
    store = MemoryStore()
    store.feed_delay = {"XLON": 900, "XNYS": 60, "XTAE": 1200}
    symbols = np.array([b"VOD", b"AAPL", b"GOOGL"], "S16")
    for stated, expected in [(0, [900, 60, 60]), (300, [900, 300, 300]), (1800, [1800, 1800, 1800])]:
        delay = FeedDelay(store, replace(config, feed_delay=stated))
        assert delay.of(symbols).tolist() == [stated] * 3
        delay.refresh()
        assert delay.of(symbols).tolist() == expected


def test_an_absurd_delay_is_not_believed() -> None:
    store = MemoryStore()
    store.feed_delay = {"XNYS": 10**9}
    delay = FeedDelay(store, CONFIG)
    delay.refresh()
    assert delay.of(np.array([b"AAPL"])).tolist() == [LONGEST]
