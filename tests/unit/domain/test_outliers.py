"""The rule of outliers against a walk bar by bar, and on ticks, scales, jumps, nights, halts, splits and falls."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.gaps import Minutes, fill
from stock_ml.domain.outliers import MEMORY, are_confirmed, leave_out, outliers
from tests.hypothesis_budget import at_most
from tests.walks import NYSE, holes, minutes_of, take, walk

DAYS = walk(minutes_of("2024-03-04", 3))
LIMIT = 15
masks = holes(len(DAYS))
# from which bar on, for how many bars, by which factor prices are off
changes = st.lists(
    st.tuples(st.integers(0, len(DAYS) - 1), st.sampled_from([1, 3, 5, 900]), st.sampled_from([0.9, 1.03, 2.0, 100.0])),
    max_size=6,
)


def scaled(bars: Minutes, at: slice | int, factor: float) -> Minutes:
    """Return bars with the prices of some multiplied."""
    factors = np.ones(len(bars))
    factors[at] = factor
    prices = {name: getattr(bars, name) * factors for name in ("open", "high", "low", "close")}
    return Minutes(ts=bars.ts, volume=bars.volume, filled=bars.filled, **prices)


def changed(bars: Minutes, drawn: list[tuple[int, int, float]]) -> Minutes:
    for start, count, factor in drawn:
        bars = scaled(bars, slice(start, start + count), factor)
    return bars


def middles(values: list[float]) -> list[float]:
    ordered, n = sorted(values), len(values)
    return [ordered[(n - 1) // 2], ordered[n // 2]] if n else [math.inf]


def naive_outliers(bars: Minutes) -> list[bool]:
    """Look at one bar after the other, as the rule reads."""
    index, day = NYSE.index(bars.ts).tolist(), NYSE.number(bars.ts).tolist()
    high, low, close = (np.log(column).tolist() for column in (bars.high, bars.low, bars.close))
    found, begin = [], 0
    for t in range(len(bars)):
        if t and (index[t] - index[t - 1] > LIMIT + 1):
            begin = t
        past = list(range(max(begin, t - 50), t))

        def reach(of: list[int], t: int = t) -> float:
            return min(max(high[t] - level, level - low[t]) for level in middles([close[i] for i in of]))

        later = [*past[1:], t] if past else []
        usually = max(middles([index[i] - index[i - 1] for i in later])[0], 1)
        pauses = [i for i in later if index[i] - index[i - 1] > 5 * usually]
        own = {i for i in past if day[i] == day[t] and not any(i < pause for pause in pauses)}
        pairs = [i for i in past[1:] if (i in own) == (i - 1 in own)]
        usual = max(0.02, 30 * middles([abs(close[i] - close[i - 1]) for i in pairs])[0]) if pairs else 0.02
        usual = max(usual, 3 * middles([high[i] - low[i] for i in past])[0]) if past else usual
        near = past[-15:]
        last = [i for i in near if i in own]
        steady = len(last) >= 3 and all(abs(close[t - k] - close[t - k - 1]) <= usual for k in (1, 2))
        steady = steady and max(high[t] - close[t - 1], close[t - 1] - low[t]) <= usual
        far = bool(last) and len(past) >= 3 and min(reach(last), reach([i for i in near if i not in own])) > usual
        agreed = sum(max(high[t] - close[i], close[i] - low[t]) <= math.log(1.5) for i in last)
        off_scale = bool(past) and reach(near) > math.log(1.5) and not len(last) == agreed >= 3
        found.append(off_scale or (far and not steady))
    return found


@at_most(30)
@given(keep=masks, drawn=changes, seed=st.integers(0, 9))
def test_outliers_are_those_of_the_rule_as_it_reads(keep, drawn, seed):
    bars = take(changed(walk(DAYS.ts, seed), drawn), keep)
    assert outliers(bars, NYSE, LIMIT).tolist() == naive_outliers(bars)


@given(keep=masks, drawn=changes, cut=st.integers(0, len(DAYS)))
def test_the_rule_needs_no_future_and_a_short_past(keep, drawn, cut):
    bars = take(changed(DAYS, drawn), keep)
    whole = outliers(bars, NYSE, LIMIT)
    assert outliers(take(bars, slice(0, cut)), NYSE, LIMIT).tolist() == whole[:cut].tolist()
    wanted = np.arange(len(bars)) >= cut
    assert outliers(bars, NYSE, LIMIT, wanted=wanted).tolist() == (whole & wanted).tolist()
    assert outliers(take(bars, slice(cut, None)), NYSE, LIMIT)[MEMORY:].tolist() == whole[cut:][MEMORY:].tolist()


@given(drawn=st.lists(changes, min_size=2, max_size=4), keep=masks)
def test_many_symbols_at_once_are_as_each_alone(drawn, keep):
    several = [take(changed(walk(DAYS.ts, seed), one), keep) for seed, one in enumerate(drawn)]
    together = Minutes(*(np.concatenate(column) for column in zip(*(vars(b).values() for b in several), strict=True)))
    slot = np.repeat(np.arange(len(several)), [len(bars) for bars in several])
    alone = np.concatenate([outliers(bars, NYSE, LIMIT) for bars in several])
    assert outliers(together, NYSE, LIMIT, slot).tolist() == alone.tolist()


def found_at(bars: Minutes) -> list[int]:
    return np.flatnonzero(outliers(bars, NYSE, LIMIT)).tolist()


@pytest.mark.parametrize("start", [8, 100, 391, 397, 500])
@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_five_bars_in_pence_are_outliers_wherever_something_is_known(start, factor):
    assert found_at(scaled(DAYS, slice(start, start + 5), factor)) == list(range(start, start + 5))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_ticks_of_a_tenth_are_outliers_and_their_neighbours_are_not(count, factor):
    assert found_at(scaled(DAYS, slice(200, 200 + count), factor)) == list(range(200, 200 + count))


def test_a_low_that_nobody_else_saw_is_an_outlier():
    bars = scaled(DAYS, slice(0, 0), 1.0)
    bars.low[300] *= 0.9
    assert found_at(bars) == [300]


@pytest.mark.parametrize("factor", [0.95, 1.04, 1.3])
def test_news_cost_three_bars(factor):
    assert found_at(scaled(DAYS, slice(200, None), factor)) == [200, 201, 202]


@pytest.mark.parametrize("factor", [0.7, 0.95, 1.04, 1.3])
def test_an_earnings_gap_costs_none(factor):
    assert found_at(scaled(DAYS, slice(390, None), factor)) == []


@pytest.mark.parametrize("factor", [0.01, 1 / 12, 0.5, 0.55, 1.7, 4.0, 100.0])
def test_a_night_beyond_half_the_price_costs_three_bars(factor):
    assert found_at(scaled(DAYS, slice(390, None), factor)) == [390, 391, 392]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("factor", [100.0, 0.01, 2.0])
def test_a_session_that_begins_in_pence_costs_these_bars_alone(count, factor):
    bars = scaled(DAYS, slice(390, 390 + count), factor)
    assert found_at(bars) == list(range(390, 390 + count))
    assert found_at(scaled(bars, 394, 0.9)) == [*range(390, 390 + count), 394]


@pytest.mark.parametrize("count", [1, 5])
def test_a_session_that_ends_in_pence_leaves_the_next_one_watched(count):
    bars = scaled(DAYS, slice(390 - count, 390), 100.0)
    assert found_at(scaled(bars, 391, 0.9)) == [*range(390 - count, 390), 391]


@pytest.mark.parametrize(("minutes", "factor"), [(5, 1.2), (14, 0.9), (14, 1.4), (20, 1.8)])
def test_the_reopening_after_a_halt_costs_none(minutes, factor):
    halted = scaled(DAYS, slice(200, None), factor)
    assert found_at(take(halted, np.r_[0 : 200 - minutes, 200 : len(DAYS)])) == []


def test_a_fall_of_a_tenth_in_ten_minutes_and_back_costs_none():
    path = np.concatenate([np.linspace(1, 0.9, 11), np.linspace(0.9, 0.98, 11)[1:]])
    assert found_at(scaled(DAYS, slice(200, 221), path)) == []


def test_prices_that_move_by_a_twentieth_each_minute_have_no_outliers():
    rough = scaled(DAYS, slice(None), np.tile([1.0, 1.05], len(DAYS) // 2))
    assert found_at(rough) == []


def test_prices_that_bounce_between_bid_and_ask_each_minute_have_no_outliers():
    close = np.full(len(DAYS), 0.20)
    bars = Minutes(DAYS.ts, close, close + 0.01, close - 0.01, close, DAYS.volume, DAYS.filled)
    assert found_at(bars) == []
    assert found_at(scaled(bars, 300, 1.5)) == [300]


def test_what_is_left_out_is_filled_as_a_minute_without_a_trade():
    bars = take(scaled(DAYS, slice(200, 203), 100.0), np.delete(np.arange(len(DAYS)), [203]))
    kept, left_out = leave_out(fill(bars, NYSE, LIMIT), NYSE, LIMIT)
    assert left_out.ts.tolist() == DAYS.ts[200:203].tolist()
    assert kept.ts.tolist() == DAYS.ts.tolist()
    assert set(kept.close[200:204]) == {DAYS.close[199]}
    assert kept.filled[200:204].all()
    assert not kept.volume[200:204].any()


def test_bars_without_outliers_stay_as_they_are():
    bars = fill(take(DAYS, np.delete(np.arange(len(DAYS)), [10, 11, 300])), NYSE, LIMIT)
    kept, left_out = leave_out(bars, NYSE, LIMIT)
    assert len(left_out) == 0
    assert all(np.array_equal(one, other) for one, other in zip(vars(kept).values(), vars(bars).values(), strict=True))
    assert not len(leave_out(take(bars, slice(0, 0)), NYSE, LIMIT)[0])


def confirmed_at(bars: Minutes) -> list[int]:
    usable, left_out = leave_out(bars, NYSE, LIMIT)
    found = left_out.ts[are_confirmed(left_out, usable)]
    return np.flatnonzero(np.isin(bars.ts, found)).tolist()


@pytest.mark.parametrize("factor", [0.95, 1.04, 1.3])
def test_a_price_that_lasts_is_confirmed_by_the_bar_that_counts_again(factor):
    bars = scaled(DAYS, slice(200, None), factor)
    assert confirmed_at(bars) == [200, 201, 202]
    assert confirmed_at(take(bars, slice(0, 203))) == []  # the three bars alone are no witnesses
    assert confirmed_at(take(bars, slice(0, 204))) == [200, 201, 202]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("factor", [0.9, 1.1, 100.0, 0.01])
def test_a_price_that_returns_is_not_confirmed(count, factor):
    for start in (200, 390):
        assert confirmed_at(scaled(DAYS, slice(start, start + count), factor)) == []


def test_of_a_low_that_nobody_else_saw_the_close_is_confirmed():
    bars = scaled(DAYS, slice(0, 0), 1.0)
    bars.low[300] *= 0.9
    assert confirmed_at(bars) == [300]


def test_a_jump_before_the_close_or_before_a_long_silence_is_not_confirmed():
    assert found_at(scaled(DAYS, slice(387, None), 1.04)) == [387, 388, 389]
    assert confirmed_at(scaled(DAYS, slice(387, None), 1.04)) == []
    silent = take(scaled(DAYS, slice(200, None), 1.04), np.delete(np.arange(len(DAYS)), np.arange(203, 217)))
    assert confirmed_at(silent) == [202]


@given(keep=masks, drawn=changes, cut=st.integers(0, len(DAYS)))
def test_what_is_confirmed_stays_so_whatever_comes_later(keep, drawn, cut):
    bars = take(changed(DAYS, drawn), keep)
    whole, known = confirmed_at(bars), confirmed_at(take(bars, slice(0, cut)))
    after = np.flatnonzero(~outliers(bars, NYSE, LIMIT))
    assert known == [at for at in whole if after[np.searchsorted(after, at)] < cut]
