"""The simulated market is the same for ever, and keeps the rules of the record."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from sandbox.market import KINDS, VERSION, Market
from stock_ml.domain.bars import broken
from stock_ml.domain.calendar import sessions
from tests.unit.sandbox.markets import FIRST, REALISTIC, XNYS, session_of

HALF_DAY = session_of("2024-11-29")
# a market that changes needs another VERSION: bars stored by the old one do not go on in the new one
MADE = {"realistic": "c8f110374c1a9d6c", "random_walk": "ffb16f00ec936fa7", "strong": "72dcae86d52bdf0a"}


@pytest.mark.parametrize("name", KINDS)
def test_this_version_of_the_generator_makes_these_bars(name):
    day = Market(7, XNYS, KINDS[name]).day("GOOGL", FIRST)
    assert (VERSION, hashlib.sha256(day.ts.tobytes() + day.values.tobytes()).hexdigest()[:16]) == (2, MADE[name])


@pytest.mark.parametrize("name", KINDS)
def test_a_session_does_not_depend_on_what_was_asked_for_before(name):
    market = Market(7, XNYS, KINDS[name])
    market.day("GOOGL", FIRST - 1)
    again = Market(7, replace(XNYS), KINDS[name]).day("GOOGL", FIRST)
    assert again.ts.tolist() == market.day("GOOGL", FIRST).ts.tolist()
    assert again.values.tolist() == market.day("GOOGL", FIRST).values.tolist()


def test_a_closure_that_the_calendar_learns_of_changes_no_other_session():
    known, gone = sessions("XNYS"), FIRST - 3
    closed = sessions("XNYS", (f"XNYS:{known.dates[gone]}",))
    for kind in KINDS.values():
        less = Market(7, closed, kind)
        assert np.array_equal(less.day("A", FIRST - 1).values, Market(7, XNYS, kind).day("A", FIRST).values)


def test_nobody_trades_in_a_lunch_break():
    hong_kong = Market(7, sessions("XHKG"))
    number = int(np.searchsorted(hong_kong.sessions.dates, np.datetime64("2024-01-17")))
    day = hong_kong.day("GOOGL", number)
    inside = hong_kong.regular("GOOGL", range(number, number + 1)).ts
    assert len(day.ts) == len(inside) + 30  # thin bars of extended hours on both sides
    opens, lunch = (int(np.datetime64(f"2024-01-17T{at}", "s").astype(np.int64)) for at in ("01:30", "04:00"))
    assert (inside[0], inside[-1]) == (opens, hong_kong.sessions.closes[number] - 60)
    assert not ((day.ts >= lunch) & (day.ts < lunch + 3600)).any()
    assert (lunch + 3600 + 60 * np.arange(5) == inside[inside >= lunch][:5]).sum() >= 3
    assert (np.diff(day.ts) > 0).all()


def test_sessions_that_touch_have_no_extended_hours():
    always = Market(7, sessions("24/7"))
    number = int(np.searchsorted(always.sessions.dates, np.datetime64("2024-01-17")))
    days = [always.day("GOOGL", n) for n in (number, number + 1)]
    ts = np.concatenate([day.ts for day in days])
    assert (np.diff(ts) > 0).all()
    assert set(always.sessions.number(ts).tolist()) == {number, number + 1}
    assert len(ts) > 2500


def test_another_seed_symbol_or_kind_is_another_market():
    this = REALISTIC.day("GOOGL", FIRST).values[:50]
    others = [Market(8, XNYS).day("GOOGL", FIRST), REALISTIC.day("AAPL", FIRST)]
    others.append(Market(7, XNYS, KINDS["random_walk"]).day("GOOGL", FIRST))
    assert not any(np.array_equal(this, other.values[:50]) for other in others)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("number", [0, FIRST, HALF_DAY, len(XNYS.dates) - 1])
def test_every_bar_keeps_the_rules_of_the_record(number, name):
    day = Market(7, XNYS, KINDS[name]).day("NVDA", number)
    assert (broken(day.values) == "").all()
    assert (np.diff(day.ts) > 0).all()
    assert (day.ts % 60 == 0).all()
    assert np.array_equal(day.values[:, :4], np.round(day.values[:, :4], 2))
    assert np.array_equal(day.values[:, 4], np.round(day.values[:, 4]))


@pytest.mark.parametrize("number", [FIRST, HALF_DAY])
def test_a_session_is_whole_but_for_some_silent_minutes_and_opens_with_an_auction(number):
    day = REALISTIC.regular("GOOGL", range(number, number + 1))
    minutes = (XNYS.closes[number] - XNYS.opens[number]) // 60
    assert (day.ts[0], day.ts[-1] + 60) == (XNYS.opens[number], XNYS.closes[number])
    assert 0.85 * minutes < len(day.ts) < minutes
    assert day.values[0, 4] > 2 * np.median(day.values[:, 4]) * 2
    assert len(REALISTIC.day("GOOGL", number).ts) > len(day.ts)


@pytest.mark.parametrize("name", KINDS)
def test_prices_stay_in_a_stocks_range_for_decades(name):
    market = Market(7, XNYS, KINDS[name])
    numbers = range(0, len(XNYS.dates), 400)
    closes = [market.day(symbol, n).values[-1, 3] for symbol in ("GOOGL", "A", "^GSPC") for n in numbers]
    assert min(closes) > 5
    assert max(closes) < 1500
