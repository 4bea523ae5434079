import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes, fill
from tests.hypothesis_budget import at_most
from tests.walks import NYSE, frame, holes, minutes_of, take, walk

DAYS = walk(minutes_of("2024-03-04", 2))
masks = holes(len(DAYS))


def same(one: Minutes, other: Minutes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def naive_fill(bars: Minutes, limit: int) -> list[tuple[float, ...]]:
    """Walk minute by minute, as the rule reads."""
    result: list[tuple[float, ...]] = []
    day = dict(zip(DAYS.ts.tolist(), NYSE.number(DAYS.ts).tolist(), strict=True))
    for row in zip(*(column.tolist() for column in vars(bars).values()), strict=True):
        if result:
            last = result[-1]
            hole = (row[0] - last[0]) // 60 - 1
            if day[row[0]] == day[last[0]] and hole <= limit:
                result += [(last[0] + 60 * k, *[last[4]] * 4, 0.0, True) for k in range(1, hole + 1)]
        result.append(row)
    return result


@at_most(30)
@given(keep=masks, limit=st.integers(1, 20))
def test_filling_agrees_with_a_walk_minute_by_minute(keep, limit):
    bars = take(DAYS, keep)
    filled = fill(bars, NYSE, limit)
    assert [tuple(row) for row in zip(*vars(filled).values(), strict=True)] == naive_fill(bars, limit)


@given(keep=masks, cut=st.integers(0, len(DAYS)))
def test_filling_twice_and_filling_bar_by_bar_change_nothing(keep, cut):
    bars = take(DAYS, keep)
    whole = fill(bars, NYSE, 15)
    assert same(fill(whole, NYSE, 15), whole)
    first, rest = fill(take(bars, slice(0, cut)), NYSE, 15), take(bars, slice(max(cut - 1, 0), None))
    streamed = [
        np.append(a, b[1 if cut else 0 :])
        for a, b in zip(vars(first).values(), vars(fill(rest, NYSE, 15)).values(), strict=True)
    ]
    assert same(Minutes(*streamed), whole)


def test_a_feed_gap_a_night_and_an_edge_of_the_session_stay_empty():
    late_start = take(DAYS, np.r_[5:100, 116:380, 390 + 3 : 780])
    filled = fill(late_start, NYSE, 15)
    assert len(filled) == len(late_start)
    assert not filled.filled.any()
    assert len(fill(late_start, NYSE, 16)) == len(late_start) + 16


def test_bars_outside_regular_hours_are_not_joined():
    early = Minutes(DAYS.ts - 86400 * 2, *list(vars(DAYS).values())[1:])  # a weekend
    assert same(fill(take(early, slice(None, None, 2)), NYSE, 15), take(early, slice(None, None, 2)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_bars_are_filled_too(count):
    assert len(fill(take(DAYS, slice(0, 2 * count, 2)), NYSE, 15)) == max(2 * count - 1, 0)


def test_frames_and_bars_give_the_same_minutes():
    table = frame("GOOGL", DAYS)
    bars = [Bar("GOOGL", int(ts), *values, "csv") for ts, *values in zip(*list(vars(DAYS).values())[:6], strict=True)]
    assert same(Minutes.of_frame(table), DAYS)
    assert same(Minutes.of_bars(bars), DAYS)
    assert len(Minutes.of_bars([])) == 0
