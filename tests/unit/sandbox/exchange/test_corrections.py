from pathlib import Path

import numpy as np

from sandbox.exchange.feed import Feed, FeedQuery
from sandbox.exchange.injected_bars import InjectedBars
from sandbox.market import Market
from stock_ml.domain.bars import MINUTE, valid
from tests.walks import NYSE

MARKET, NONE = Market(7, NYSE), InjectedBars(Path("none"))
OPENS = int(NYSE.opens[NYSE.upcoming(1_709_280_000)])


def shown(share: float, minute: int) -> dict[int, list[float]]:
    day = Feed(MARKET, NONE, corrected=share).newest(FeedQuery("GOOGL", OPENS + minute * MINUTE + 5.0))
    assert valid(day.values.T).all()
    return dict(zip(day.ts.tolist(), day.values.tolist(), strict=True))


def test_a_share_of_the_minutes_is_shown_otherwise_for_a_minute_or_two() -> None:
    settled, first = shown(0.0, 200), {}
    lasted = dict.fromkeys(settled, 0)
    for minute in range(101, 200):
        for ts, values in shown(0.3, minute).items():
            if ts in settled and ts + MINUTE <= OPENS + minute * MINUTE:
                first.setdefault(ts, values)
                lasted[ts] += values != settled[ts]
    changed = [ts for ts in first if first[ts] != settled[ts]]
    assert 15 < len(changed) < 45
    assert {lasted[ts] for ts in changed} == {1, 2}
    assert np.mean([first[ts][3] != settled[ts][3] for ts in changed]) > 0.5


def test_history_has_the_true_values_and_without_a_share_all_has() -> None:
    now = OPENS + 200 * MINUTE + 5.0
    one, other = (Feed(MARKET, NONE, corrected=share).month(FeedQuery("GOOGL", now), "2024-03") for share in (0.0, 1.0))
    assert np.array_equal(one.values, other.values)
    assert shown(1.0, 200) == shown(1.0, 200) != shown(0.0, 200)
