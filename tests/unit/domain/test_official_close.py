"""A row exactly at a close is the session's official close, or the first minute of extended hours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.calendar import sessions
from stock_ml.domain.official_close import NONE, OfficialClose, OfficialCloses, closes_before, find
from tests.hypothesis_budget import at_most
from tests.walks import NYSE, frame, minutes_of, walk

DAY = walk(minutes_of("2024-03-04", 1))
CLOSE = int(DAY.ts[-1]) + 60
PRICE = float(DAY.close[-1])
MINUTES = pd.DataFrame({"ts": DAY.ts, "close": DAY.close, "volume": DAY.volume})
LARGEST = float(DAY.volume[-30:].max())


def rows(*cells: tuple[int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=["ts", "close", "volume"])


def is_found(volume: float, price: float = PRICE, ts: int = CLOSE, minutes: pd.DataFrame = MINUTES) -> bool:
    return bool(find(minutes, rows((ts, price, volume)), NYSE)[0])


@pytest.mark.parametrize(("volume", "official"), [(0.0, True), (LARGEST + 1, True), (LARGEST, False), (1.0, False)])
def test_it_has_no_volume_or_more_than_each_minute_of_the_last_half_hour(volume, official):
    assert is_found(volume) == official


def test_a_row_that_is_not_exactly_at_the_close_is_none():
    assert not is_found(0.0, ts=CLOSE + 60)
    assert not is_found(0.0, ts=int(DAY.ts[0]) - 60)


@pytest.mark.parametrize(("factor", "official"), [(1.015, True), (0.985, True), (1.05, False), (100.0, False)])
def test_a_price_far_from_the_last_minutes_is_none(factor, official):
    assert is_found(0.0, PRICE * factor) == official


def test_one_bad_tick_in_the_last_minute_does_not_matter():
    spoiled = MINUTES.assign(close=np.where(MINUTES["ts"] == DAY.ts[-1], PRICE * 100, MINUTES["close"]))
    assert is_found(0.0, minutes=spoiled)
    assert not is_found(0.0, PRICE * 100, minutes=spoiled)


@given(st.integers(1, 390), st.sampled_from([0.0, 1.0, LARGEST, LARGEST + 1]), st.floats(0.9, 1.1))
@at_most(50)
def test_an_answer_that_begins_late_says_the_same_as_the_whole_day_or_nothing(count, volume, factor):
    newest = MINUTES.iloc[-count:]
    expected = is_found(volume, PRICE * factor) and count >= 30
    assert is_found(volume, PRICE * factor, minutes=newest) == expected


def test_without_any_volume_and_without_minutes_nothing_is_found():
    assert not is_found(0.0, minutes=MINUTES.assign(volume=0.0))
    assert not is_found(0.0, minutes=MINUTES.iloc[:0])
    assert find(MINUTES, MINUTES.iloc[:0], NYSE).tolist() == []


def test_a_session_that_touches_the_next_and_a_lunch_break_have_none():
    tokyo, always = sessions("XTKS"), sessions("24/7")
    at = int(np.searchsorted(tokyo.dates, np.datetime64("2024-03-04")))
    noon, end = int(tokyo.parts.closes[2 * at]), int(tokyo.closes[at])
    day = walk(np.arange(tokyo.opens[at], end, 60))
    minutes = pd.DataFrame({"ts": day.ts, "close": 100.0, "volume": day.volume})
    minutes = minutes[tokyo.number(minutes["ts"].to_numpy()) >= 0]
    assert find(minutes, rows((noon, 100.0, 0.0), (end, 100.0, 0.0)), tokyo).tolist() == [False, True]
    assert not find(MINUTES, rows((int(always.closes[8000]), PRICE, 0.0)), always).any()


def test_the_close_before_a_minute_is_that_of_the_session_before():
    days = minutes_of("2024-03-04", 2)
    before = closes_before(np.append(days, CLOSE), NYSE)
    friday = int(NYSE.closes[int(NYSE.number(days[:1])[0]) - 1])
    assert np.unique(before[:390]).tolist() == [friday]
    assert np.unique(before[390:780]).tolist() == [CLOSE]
    assert before[-1] == NONE


def test_behind_a_lunch_break_and_where_sessions_touch_no_close_is_before():
    tokyo, always = sessions("XTKS"), sessions("24/7")
    at = int(np.searchsorted(tokyo.dates, np.datetime64("2024-03-04")))
    morning, afternoon = tokyo.parts.opens[2 * at : 2 * at + 2]
    assert closes_before(np.array([morning, afternoon]), tokyo).tolist() == [int(tokyo.closes[at - 1]), NONE]
    assert closes_before(always.opens[8000:8001], always).tolist() == [NONE]


def test_closes_are_looked_up_by_the_time_of_the_close():
    closes = OfficialCloses.of([OfficialClose("A", 60, 5.0, 1.0, "csv"), OfficialClose("A", 120, 6.0, 1.0, "csv")])
    np.testing.assert_array_equal(closes.look_up(np.array([120, 60, 90, NONE])), [6.0, 5.0, np.nan, np.nan])
    assert np.isnan(OfficialCloses.of([]).look_up(np.array([60]))).all()


def test_clean_bars_hold_them_in_a_bar_of_their_session():
    bars = frame("A", walk(minutes_of("2024-03-04", 2)))
    bars.loc[389, "official_close"] = 99.5
    closes = OfficialCloses.of_bars(bars, NYSE)
    assert (closes.ts.tolist(), closes.close.tolist()) == ([CLOSE], [99.5])
