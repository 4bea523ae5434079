"""The sandbox shows the row of a closing auction, where it is asked to."""

from pathlib import Path

import numpy as np
import pytest

from sandbox.exchange.feed import Feed, FeedQuery
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.market import Market
from sandbox.market.auction import Auction
from stock_ml.domain.calendar import sessions
from tests.walks import NYSE

NUMBER = int(np.searchsorted(NYSE.dates, np.datetime64("2024-03-04")))
CLOSE = int(NYSE.closes[NUMBER])


def feed(auction: Auction, seed: int = 7) -> Feed:
    return Feed(Market(seed, NYSE), InjectedBars(Path("none")), auction)


def at_close(auction: Auction, *, extended: bool = False, seed: int = 7) -> list[float]:
    day = feed(auction, seed).newest(FeedQuery("GOOGL", CLOSE + 3600, extended))
    return [float(value) for row in day.values[day.ts == CLOSE] for value in row]


def test_without_it_no_row_is_at_the_close():
    assert at_close("off") == []


@pytest.mark.parametrize("extended", [True, False])
def test_its_price_is_near_the_last_close_and_its_volume_the_days_largest_or_unknown(extended):
    day = feed("off").newest(FeedQuery("GOOGL", CLOSE + 3600), 390)
    price = at_close("largest", extended=extended)[0]
    largest = at_close("largest", extended=extended)[4]
    assert at_close("largest", extended=extended)[:4] == [price] * 4
    assert 0 < abs(np.log(price / day.values[-1, 3])) <= 0.011
    assert largest > day.values[:, 4].max()
    assert at_close("unknown", extended=extended) == [price] * 4 + [0.0]


def test_one_seed_has_the_same_auctions_and_the_same_minutes():
    assert at_close("largest") == at_close("largest")
    assert at_close("largest") != at_close("largest", seed=8)
    query = FeedQuery("GOOGL", CLOSE + 3600)
    with_it, without = (feed(auction).month(query, "2024-03") for auction in ("largest", "off"))
    minutes = np.isin(with_it.ts, without.ts)
    assert with_it.values[minutes].tolist() == without.values.tolist()
    assert with_it.ts[~minutes].tolist() == NYSE.closes[NUMBER - 1 : NUMBER + 1].tolist()


def test_it_is_shown_from_the_close_on_and_a_market_around_the_clock_has_none():
    assert CLOSE not in feed("largest").newest(FeedQuery("GOOGL", CLOSE - 1)).ts
    always = sessions("24/7")
    around = Feed(Market(7, always), InjectedBars(Path("none")), "largest")
    day = around.newest(FeedQuery("GOOGL", float(always.closes[9000]) + 600), 20)
    without = Feed(Market(7, always), InjectedBars(Path("none"))).newest(
        FeedQuery("GOOGL", float(always.closes[9000]) + 600), 20
    )
    assert day.values.tolist() == without.values.tolist()
