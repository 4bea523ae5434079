"""A market that turns: the same until that day, wilder after it, and its moves go on where they turned back."""

from dataclasses import replace

import numpy as np

from sandbox.market import KINDS, Market, Turn
from stock_ml.domain.bars import broken
from tests.unit.sandbox.market.test_stylised_facts import correlation, returns
from tests.unit.sandbox.markets import FIRST, XNYS

KIND = KINDS["realistic"]
AT = int(XNYS.dates[FIRST + 3].astype(np.int64))
TURNING, STEADY = Market(7, XNYS, replace(KIND, turn=Turn(AT))), Market(7, XNYS, KIND)


def test_until_the_turn_nothing_is_different():
    for number in range(FIRST, FIRST + 3):
        assert np.array_equal(TURNING.day("GOOGL", number).values, STEADY.day("GOOGL", number).values)
    assert not np.array_equal(TURNING.day("GOOGL", FIRST + 3).values, STEADY.day("GOOGL", FIRST + 3).values)


def test_after_it_minutes_move_about_three_times_as_much_and_moves_go_on():
    after = range(FIRST + 3, FIRST + 23)
    steady, turned = returns(STEADY, "GOOGL", after), returns(TURNING, "GOOGL", after)
    assert 1.5 < np.nanstd(turned) / np.nanstd(steady) < 3.5  # a follower moves less than what it follows
    assert correlation(steady[:, :-1].ravel(), steady[:, 1:].ravel()) < -0.1
    assert correlation(turned[:, :-1].ravel(), turned[:, 1:].ravel()) > 0.2


def test_its_bars_keep_the_rules_of_the_record_and_a_session_opens_where_a_night_away_the_last_one_ended():
    for number in range(FIRST + 3, FIRST + 13):
        assert (broken(TURNING.day("GOOGL", number).values) == "").all()
    before, after = (TURNING.regular("GOOGL", range(n, n + 1)).values for n in (FIRST + 2, FIRST + 3))
    assert abs(np.log(after[0, 0] / before[-1, 3])) < 0.2
