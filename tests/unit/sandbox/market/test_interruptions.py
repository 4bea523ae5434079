"""Halts and splits come now and then: of one symbol, and rarely of all."""

from pathlib import Path

import numpy as np

from sandbox.exchange.feed import Feed, FeedQuery
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.market.calendar import day_of
from sandbox.market.factor import factor
from sandbox.market.splits import Splits, splits
from tests.unit.sandbox.markets import FIVE, REALISTIC, XNYS

N = len(XNYS.dates)


def holes(symbol: str, number: int) -> np.ndarray:
    """Return the lengths of a session's holes in minutes."""
    return np.diff(REALISTIC.regular(symbol, range(number, number + 1)).ts) // 60 - 1


def halted(number: int) -> slice:
    """Return the minutes of a session in which the whole exchange halts."""
    return factor(REALISTIC.kind, 7, int(XNYS.dates[number].astype(int)), 390).halt


def test_a_symbol_is_halted_now_and_then_and_trades_again_before_the_close():
    longest = np.array([holes("GOOGL", number).max() for number in range(N - 600, N)])
    assert 2 <= (longest >= 5).sum() <= 20
    assert longest.max() <= 62


def test_a_halt_of_the_whole_exchange_is_rare_and_of_all_symbols_at_once():
    found = [n for n in range(N) if (gone := halted(n)).stop > gone.start]
    assert 2 <= len(found) <= 15
    number = next(n for n in found if XNYS.closes[n] - XNYS.opens[n] == 390 * 60)
    gone = halted(number)
    for symbol in FIVE:
        minutes = XNYS.minute(REALISTIC.regular(symbol, range(number, number + 1)).ts)
        assert not np.isin(range(gone.start, gone.stop), minutes).any()


def first_split(symbol: str) -> tuple[int, int]:
    """Return the session from which on prices are divided, and by what."""
    found = splits(7, symbol)
    return int(np.searchsorted(day_of(XNYS), found.days[0])), int(found.ratios[0])


def test_prices_are_divided_from_the_session_of_a_split_on_and_volumes_grow():
    at, ratio = first_split("GOOGL")
    before, after = (REALISTIC.regular("GOOGL", range(n, n + 5)) for n in (at - 5, at))
    jump = before.values[-1, 3] / after.values[0, 0]
    assert abs(jump / ratio - 1) < 0.1
    assert 0.5 < after.values[:, 4].mean() / before.values[:, 4].mean() / ratio < 2


def test_history_asked_after_a_split_is_adjusted_to_what_is_traded_now():
    at, ratio = first_split("GOOGL")
    feed, month = Feed(REALISTIC, InjectedBars(Path("none"))), str(XNYS.dates[at - 30])[:7]
    then, now = (float(XNYS.opens[number] + 60) for number in (at - 1, at))
    before, after = (feed.month(FeedQuery("GOOGL", when), month) for when in (then, now))
    assert np.abs(after.values[:, :4] * ratio - before.values[:, :4]).max() < 0.0002 * ratio
    assert np.array_equal(after.values[:, 4], before.values[:, 4] * ratio)
    raw = feed.month(FeedQuery("GOOGL", now, adjusted=False), month)
    assert np.array_equal(raw.values, before.values)


def test_a_factor_counts_the_splits_between_two_sessions():
    two = Splits(np.array([10, 20]), np.array([2, 3]))
    assert [two.factor(*pair) for pair in ((9, 9), (9, 10), (10, 19), (9, 25), (15, 20), (20, 30))] == [
        1,
        2,
        1,
        6,
        3,
        1,
    ]
