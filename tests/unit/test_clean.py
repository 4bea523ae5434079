"""Cleaning accounts for every row, and gives bars that keep the record's rules."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_ml.bars import epoch, validate
from stock_ml.clean import CleanRules, clean
from stock_ml.received.rows import broken
from stock_ml.sessions import sessions

XNYS = sessions("XNYS")
OPEN = 1_709_303_400  # 2024-03-01 09:30 in New York
LATER = OPEN + 86_400.0


def rows(*minutes: tuple[int, float]) -> pd.DataFrame:
    """Return rows as received: (minute of the session, price), in the order given."""
    price = np.array([p for _, p in minutes], dtype=np.float64)
    ts = np.array([OPEN + 60 * m for m, _ in minutes], dtype=np.int64)
    values = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": np.full(len(price), 10.0)}
    marks = broken(np.column_stack(list(values.values())).reshape(-1, 5))
    return pd.DataFrame({"ts": ts, **values, "broken": marks})


def cleaned(received: pd.DataFrame, known_at: float = LATER, limit: int = 15):
    return clean(received, "AAPL", "sandbox", CleanRules(XNYS, limit, known_at))


def minutes_of(bars: pd.DataFrame) -> list[int]:
    return ((epoch(bars["ts"]) - OPEN) // 60).tolist()


def test_newest_first_becomes_ascending_and_extended_hours_are_set_aside():
    result = cleaned(rows((390, 50), (1, 52), (0, 51), (-1, 50)))
    assert minutes_of(result.bars) == [0, 1]
    assert (result.report["extended_hours"], result.report["kept"]) == (2, 2)


def test_an_exact_repeat_is_dropped_and_a_different_row_for_the_minute_is_refused():
    result = cleaned(rows((0, 51), (0, 51), (0, 60), (1, 52)))
    assert result.bars["close"].tolist() == [51.0, 52.0]
    assert result.report["duplicates"] == 1
    assert result.report["refused"] == {"another row for the same minute": 1}


def test_a_broken_row_is_refused_with_its_column_and_another_row_may_stand_for_its_minute():
    received = rows((0, 51), (0, 51.5), (1, 52))
    received.loc[0, ["high", "broken"]] = [float("nan"), "high"]
    result = cleaned(received)
    assert result.bars["close"].tolist() == [51.5, 52.0]
    assert result.report["refused"] == {"bad high": 1}


def test_a_bar_that_was_still_forming_is_not_taken():
    result = cleaned(rows((0, 51), (1, 52)), known_at=OPEN + 119.0)
    assert minutes_of(result.bars) == [0]
    assert result.report["not_yet_known"] == 1
    assert result.report["sessions"] == {"2024-03-01": {"received": 1, "filled": 0, "minutes": 1}}


def test_a_short_hole_is_filled_flat_and_a_feed_gap_stays_empty():
    result = cleaned(rows((0, 51), (3, 52), (10, 53)), limit=2, known_at=OPEN + 60 * 11)
    assert minutes_of(result.bars) == [0, 1, 2, 3, 10]
    assert result.bars["filled"].tolist() == [False, True, True, False, False]
    assert (result.report["filled"], result.report["feed_gap_minutes"]) == (2, 6)


def test_no_rows_give_no_bars():
    result = cleaned(rows((0, 51))[:0])
    assert len(result.bars) == 0
    assert result.report["rows_read"] == 0


MINUTES = st.tuples(st.integers(-20, 410), st.sampled_from([0.5, 50.0, 60.0]))


@settings(deadline=None)
@given(st.lists(MINUTES, max_size=60), st.integers(0, 420), st.integers(1, 30))
def test_every_row_is_accounted_for_and_the_bars_keep_the_rules(minutes, known, limit):
    received = rows(*minutes)
    result = cleaned(received, OPEN + 60.0 * known, limit)
    report = result.report
    names = ("kept", "extended_hours", "not_yet_known", "duplicates")
    assert sum(report[name] for name in names) + sum(report["refused"].values()) == len(received)
    assert report["kept"] + report["filled"] == len(validate(result.bars))
    assert (epoch(result.bars["ts"]) + 60 <= OPEN + 60 * known).all()


@settings(deadline=None)
@given(st.lists(MINUTES, max_size=40, unique_by=lambda m: m[0]), st.randoms())
def test_the_order_of_rows_does_not_matter(minutes, random):
    shuffled = random.sample(minutes, len(minutes))
    pd.testing.assert_frame_equal(cleaned(rows(*minutes)).bars, cleaned(rows(*shuffled)).bars)
