"""A night that makes a simple fraction of the price is a split, and no window crosses it."""

from dataclasses import replace

import numpy as np
import pytest

from stock_ml.domain.bars import PRICES
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.outliers import leave_out
from stock_ml.domain.splits import Split, level_ratio, nearest_ratio, opening_ratios, splits
from stock_ml.model.features import windows
from tests.walks import NYSE, minutes_of, take, walk

W, LIMIT = 30, 15


def split_in(session: str, ratio: float, night: float = 0.0) -> Minutes:
    """Return three sessions from 2022-07-14 on whose prices are divided from `session` on."""
    whole = walk(minutes_of("2022-07-14", 3))
    at = NYSE.opens[np.searchsorted(NYSE.dates, np.datetime64(session))]
    divided = np.where(whole.ts >= at, ratio * np.exp(-night), 1.0)
    prices = {name: getattr(whole, name) / divided for name in ("open", "high", "low", "close")}
    return replace(whole, **prices, volume=whole.volume * divided)


@pytest.mark.parametrize("ratio", [20, 3, 2, 1.5, 0.1, 0.05])
@pytest.mark.parametrize("night", [0.0, 0.03, -0.05])
def test_a_split_is_found_in_the_session_it_begins_with(ratio, night):
    assert splits(split_in("2022-07-18", ratio, night), NYSE) == [Split("2022-07-18", ratio)]


@pytest.mark.parametrize("night", [0.0, 0.1, -0.2, 0.25])
def test_a_night_is_no_split(night):
    assert splits(split_in("2022-07-18", 1.0, night), NYSE) == []


def test_a_jump_inside_a_session_is_no_split():
    whole = walk(minutes_of("2022-07-14", 1))
    halved = np.where(np.arange(len(whole)) > 100, 0.5, 1.0)
    assert splits(replace(whole, open=whole.open * halved, close=whole.close * halved), NYSE) == []


def test_a_missing_session_between_two_prices_proves_no_split_and_still_no_window_crosses_it():
    bars = split_in("2022-07-18", 20)
    holed = take(bars, NYSE.number(bars.ts) != NYSE.number(bars.ts).min() + 1)
    assert splits(holed, NYSE) == []
    assert (opening_ratios(holed, NYSE) != 1).sum() == 1


def test_no_window_crosses_a_split_and_all_others_stay():
    plain, bars = walk(minutes_of("2022-07-14", 3)), split_in("2022-07-18", 20)
    opens = int(np.flatnonzero(opening_ratios(bars, NYSE) != 1)[0])
    crossing = np.arange(opens, opens + W - 1)
    assert set(windows(plain, NYSE, W, LIMIT)[0]) - set(windows(bars, NYSE, W, LIMIT)[0]) == set(crossing)


@pytest.mark.parametrize("factor", [150.0, 1 / 150, 2.3, 12.5])
def test_no_window_crosses_a_night_to_another_currency_or_scale(factor):
    minutes = walk(minutes_of("2024-03-01", 2))
    second = np.arange(len(minutes)) >= 390
    prices = {name: np.where(second, getattr(minutes, name) * factor, getattr(minutes, name)) for name in PRICES}
    assert opening_ratios(replace(minutes, **prices), NYSE)[390] == 1.0
    at, _ = windows(replace(minutes, **prices), NYSE, 30, 15)
    assert at.tolist() == [*range(29, 390), *range(390 + 29, 780)]


def test_the_stream_that_sees_the_bars_one_by_one_finds_the_same_windows():
    bars = take(split_in("2022-07-18", 20), slice(700, 830))
    ends = windows(bars, NYSE, W, LIMIT)[0].tolist()
    assert [n for n in range(len(bars)) if n in windows(take(bars, slice(n + 1)), NYSE, W, LIMIT)[0]] == ends


@pytest.mark.parametrize(("first", "count"), [(390, 1), (390, 3), (389, 1), (388, 4), (385, 5)])
@pytest.mark.parametrize("factor", [100.0, 0.01, 2.0])
def test_wrong_prices_beside_a_night_are_no_split_and_windows_go_on(first, count, factor):
    whole = walk(minutes_of("2022-07-14", 2))
    wrong = np.where((np.arange(780) >= first) & (np.arange(780) < first + count), factor, 1.0)
    bars = replace(whole, **{name: getattr(whole, name) * wrong for name in ("open", "high", "low", "close")})
    usable, left_out = leave_out(bars, NYSE, LIMIT)
    assert left_out.ts.tolist() == whole.ts[first : first + count].tolist()
    assert splits(usable, NYSE) == []
    ends, _ = windows(usable, NYSE, W, LIMIT)
    assert usable.ts[ends].tolist() == [ts for ts in whole.ts[W - 1 :].tolist() if ts not in left_out.ts]


@pytest.mark.parametrize("ratio", [100, 2, 0.1, 0.01])
def test_a_split_that_lasts_is_found_without_its_first_three_bars(ratio):
    bars = split_in("2022-07-18", ratio)
    usable, left_out = leave_out(bars, NYSE, LIMIT)
    assert left_out.ts.tolist() == bars.ts[780:783].tolist()
    assert splits(usable, NYSE) == [Split("2022-07-18", ratio)]
    ends = usable.ts[windows(usable, NYSE, W, LIMIT)[0]]
    assert ends[(ends >= bars.ts[780])][0] == bars.ts[783 + W - 1]


def test_one_bar_of_a_session_in_pence_does_not_change_the_level_before_and_after():
    before, after = np.full(15, 10.0), np.full(15, 5.1)
    before[-1], after[0] = 1000.0, 0.05
    assert level_ratio(before, after) == 2.0
    assert level_ratio(before, after * 2) == 1.0


def test_no_bars_hold_no_split():
    assert splits(take(walk(minutes_of("2022-07-14", 1)), slice(0)), NYSE) == []
    assert nearest_ratio(np.log([1e-300, 1e300])).tolist() == [1, 1]
