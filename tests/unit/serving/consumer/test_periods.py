"""The stream forecasts over lunch breaks and midnights as the batch does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain import gaps
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes
from tests.hypothesis_budget import at_most
from tests.unit.serving.batch import batch
from tests.unit.serving.streams import CONFIG, Stream, bars_of, numbers
from tests.walks import take, walk

# around a lunch break, around midnight, and around a weekend
SPANS = {
    "XHKG": ("2024-01-17T02:00", "2024-01-17T07:00"),
    "24/7": ("2024-01-31T22:00", "2024-02-01T02:00"),
    "24/5": ("2024-02-02T22:00", "2024-02-05T02:00"),
}


def minutes_of(exchange: str) -> np.ndarray:
    since, until = (int(np.datetime64(edge, "s").astype(np.int64)) for edge in SPANS[exchange])
    ts = np.arange(since, until, 60)
    return ts[sessions(exchange).number(ts) >= 0]


@pytest.mark.parametrize("exchange", SPANS)
@at_most(6)
@given(data=st.data())
def test_batches_restarts_and_late_bars_change_no_forecast(exchange: str, data: st.DataObject) -> None:
    ts = minutes_of(exchange)
    without = data.draw(st.sets(st.integers(90, 150), max_size=12))
    bars = bars_of(take(walk(ts), np.setdiff1d(np.arange(len(ts)), list(without))))
    config = replace(CONFIG, sessions=sessions(exchange))
    stream, at = Stream(config), 0
    for length in [*data.draw(st.lists(st.integers(1, 60), max_size=6)), len(bars)]:
        stream.send(*bars[max(at - 20, 0) : at + length])
        at += length
        if data.draw(st.booleans()):
            stream.forget()
    assert {made.bar_ts: numbers(made) for made in stream.forecasts.values()} == batch(bars, config)
    filled = gaps.fill(Minutes.of_bars(bars), config.sessions, config.limit)
    assert sorted(row.ts for row in stream.bars.values() if row.filled) == filled.ts[filled.filled].tolist()
    shuffled = Stream(config).send(*bars[:105])
    for bar in reversed(bars[105:130]):
        shuffled.send(bar)
    shuffled.send(*bars[130:])
    assert {at: row._replace(late=False) for at, row in shuffled.bars.items()} == {
        at: row._replace(late=False) for at, row in stream.bars.items()
    }


@pytest.mark.parametrize(("exchange", "last", "lacking"), [("XHKG", 119, 2), ("24/7", 119, 0), ("24/5", 119, 2)])
def test_no_target_lies_beyond_a_break_or_a_weekend(exchange: str, last: int, lacking: int) -> None:
    ts = minutes_of(exchange)
    stream = Stream(replace(CONFIG, sessions=sessions(exchange), horizon=2)).send(*bars_of(walk(ts)))
    made = {row.bar_ts for row in stream.forecasts.values()}
    assert [minute in made for minute in ts[last - 4 : last + 3].tolist()] == [True] * 3 + [not lacking] * 2 + [
        True
    ] * 2
