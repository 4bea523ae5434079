"""The simulated market is the same for ever, and looks like a stock's."""

import numpy as np
import pytest

from local.sandbox.market import Day, Market
from stock_ml.received.rows import broken
from stock_ml.sessions import sessions

XNYS = sessions("XNYS")
FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-01-02")))
HALF_DAY = int(np.searchsorted(XNYS.dates, np.datetime64("2024-11-29")))
MARKET = Market(7, XNYS)


def regular(symbol: str, number: int) -> Day:
    day = MARKET.day(symbol, number)
    inside = XNYS.number(day.ts) >= 0
    return Day(day.ts[inside], day.values[inside])


def test_a_session_does_not_depend_on_what_was_asked_for_before():
    MARKET.day("GOOGL", FIRST - 1)
    again = Market(7, sessions("XNYS")).day("GOOGL", FIRST)
    assert again.ts.tolist() == MARKET.day("GOOGL", FIRST).ts.tolist()
    assert again.values.tolist() == MARKET.day("GOOGL", FIRST).values.tolist()


def test_another_seed_or_another_symbol_is_another_market():
    this = MARKET.day("GOOGL", FIRST).values[:50]
    assert not np.array_equal(this, Market(8, XNYS).day("GOOGL", FIRST).values[:50])
    assert not np.array_equal(this, MARKET.day("AAPL", FIRST).values[:50])


@pytest.mark.parametrize("number", [0, FIRST, HALF_DAY])
def test_every_bar_keeps_the_rules_of_the_record(number):
    day = MARKET.day("NVDA", number)
    assert (broken(day.values) == "").all()
    assert (np.diff(day.ts) > 0).all()
    assert (day.ts % 60 == 0).all()


@pytest.mark.parametrize("number", [FIRST, HALF_DAY])
def test_a_session_is_whole_but_for_some_silent_minutes_and_opens_with_an_auction(number):
    day = regular("GOOGL", number)
    minutes = (XNYS.closes[number] - XNYS.opens[number]) // 60
    assert (day.ts[0], day.ts[-1] + 60) == (XNYS.opens[number], XNYS.closes[number])
    assert 0.85 * minutes < len(day.ts) < minutes
    assert day.values[0, 4] > 2 * day.values[1:, 4].max() or day.values[0, 4] > 50_000
    assert len(MARKET.day("GOOGL", number).ts) > len(day.ts)


def test_prices_stay_in_a_stocks_range_and_move_on_from_the_last_close():
    numbers = range(0, len(XNYS.dates), 400)
    closes = [regular(symbol, n).values[-1, 3] for symbol in ("GOOGL", "A", "^GSPC") for n in numbers]
    assert min(closes) > 20
    assert max(closes) < 500
    jumps = [np.log(regular("GOOGL", n).values[0, 0] / regular("GOOGL", n - 1).values[-1, 3]) for n in numbers[1:]]
    assert np.abs(jumps).max() < 0.06


def test_the_bounce_between_bid_and_ask_leaves_a_linear_forecast_a_few_percent_of_skill():
    past, then = (
        np.concatenate(parts) for parts in zip(*(_returns("GOOGL", FIRST + i) for i in range(40)), strict=True)
    )
    split = len(past) * 3 // 4
    weight = (past[:split] @ then[:split]) / (past[:split] @ past[:split])
    error = np.abs(then[split:] - weight * past[split:]).mean()
    skill = 1 - error / np.abs(then[split:]).mean()
    assert 0.01 < skill < 0.06


def _returns(symbol: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    returns = np.diff(np.log(regular(symbol, number).values[:, 3]))
    return returns[:-1], returns[1:]
