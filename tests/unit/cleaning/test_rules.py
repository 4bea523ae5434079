"""Cleaning accounts for every row, and gives bars that keep the record's rules."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.lake import parquet
from stock_ml.cleaning.rules import ROW_OUTCOMES, CleaningParameters, clean
from stock_ml.domain.bars import broken, epoch, validate
from stock_ml.domain.calendar import sessions
from stock_ml.sources.parsing import parse, place
from tests.hypothesis_budget import at_most

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
    return clean(received, "AAPL", "sandbox", CleaningParameters(XNYS, limit, known_at))


def minutes_of(bars: pd.DataFrame) -> list[int]:
    return ((epoch(bars["ts"]) - OPEN) // 60).tolist()


def test_newest_first_becomes_ascending_and_extended_hours_are_set_aside():
    result = cleaned(rows((390, 50), (1, 52), (0, 51), (-1, 50)))
    assert minutes_of(result.bars) == [0, 1]
    assert (result.report["extended_hours"], result.report["kept"]) == (2, 2)


def test_days_with_many_rows_and_no_session_are_counted_by_date():
    saturday = 1440
    result = cleaned(
        rows((0, 51), *((saturday + m, 50) for m in range(30)), *((2 * saturday + m, 50) for m in range(29)))
    )
    assert (result.report["session_closed"], result.report["unknown_days"]) == (59, {"2024-03-02": 30})
    assert "unknown_days" not in cleaned(rows((0, 51), (-1, 50))).report


def test_an_exact_repeat_is_dropped_and_of_different_rows_the_one_that_saw_the_most_volume_stays():
    received = rows((0, 51), (0, 51), (0, 60), (1, 52))
    received.loc[2, "volume"] = 9.0
    result = cleaned(received)
    assert result.bars["close"].tolist() == [51.0, 52.0]
    assert result.report["duplicates"] == 1
    assert result.report["refused"] == {"another row for the same minute": 1}
    assert result.report["refused_share"] == 0.25
    assert result.refused[["close", "reason"]].values.tolist() == [[60.0, "another row for the same minute"]]


def test_a_broken_row_is_refused_with_its_column_and_another_row_may_stand_for_its_minute():
    received = rows((0, 51), (0, 51.5), (1, 52))
    received.loc[0, ["high", "broken"]] = [float("nan"), "high"]
    result = cleaned(received)
    assert result.bars["close"].tolist() == [51.5, 52.0]
    assert result.report["refused"] == {"bad high": 1}
    assert result.refused["reason"].tolist() == ["bad high"]


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


def test_a_minute_without_a_trade_is_counted_and_not_refused():
    received = rows(*((m, 50.0) for m in range(40))).assign(high=50.01, low=49.99)
    received.loc[30:37, ["open", "high", "low", "close", "volume"]] = float("nan")
    received.loc[30:37, "broken"] = "no trade"
    result = cleaned(received, known_at=OPEN + 2400.0)
    assert (result.report["no_trade"], result.report["refused"], result.report["refused_share"]) == (8, {}, 0.0)
    assert result.report["filled"] == 8
    assert len(result.bars) == 40


def test_a_row_of_unknown_volume_gives_way_to_another_of_its_minute():
    received = rows((0, 51), (1, 52), (0, 51))
    received.loc[0, ["volume", "broken"]] = [0.0, "unknown volume"]
    result = cleaned(received)
    assert (result.report["unknown_volume"], result.report["refused"], result.report["kept"]) == (1, {}, 2)
    assert result.bars["volume"].tolist() == [10.0, 10.0]


def test_a_stamp_off_the_minute_is_refused_with_its_own_reason():
    received = rows((0, 51), (1, 52), (2, 53))
    received.loc[1, "broken"] = "stamp"
    received.loc[1, "ts"] += 5
    result = cleaned(received)
    assert result.report["refused"] == {"stamp off the minute": 1}
    assert minutes_of(result.bars[~result.bars["filled"]]) == [0, 2]


def test_clipped_rows_are_counted_where_they_are_kept():
    received = rows((0, 51), (1, 52), (390, 53)).assign(clipped=[True, False, True])
    assert cleaned(received).report["clipped"] == 1


def test_no_rows_give_no_bars():
    result = cleaned(rows((0, 51))[:0])
    assert len(result.bars) == 0
    assert result.report["rows_read"] == 0


MINUTES = st.tuples(st.integers(-20, 410), st.sampled_from([0.5, 50.0, 60.0]))


@at_most(40)
@given(st.lists(MINUTES, max_size=60), st.integers(0, 420), st.integers(1, 30))
def test_every_row_is_accounted_for_and_the_bars_keep_the_rules(minutes, known, limit):
    received = rows(*minutes)
    result = cleaned(received, OPEN + 60.0 * known, limit)
    report = result.report
    assert sum(report[name] for name in ROW_OUTCOMES) + len(result.refused) == len(received)
    assert sum(report["refused"].values()) == len(result.refused)
    assert report["kept"] + report["filled"] == len(validate(result.bars))
    assert (epoch(result.bars["ts"]) + 60 <= OPEN + 60 * known).all()


VALUES = st.tuples(
    st.integers(-3, 400), st.sampled_from(["50.0", "50.5", "61"]), st.sampled_from(["0", "-0", "7", "9"])
)
HEADER = "timestamp,open,high,low,close,volume"


def lines_of(drawn: list[tuple[int, str, str]]) -> list[str]:
    """Return rows of CSV labelled by the start of the minute; the same minute may come several times."""
    stamps = pd.to_datetime([OPEN + 60 * m for m, *_ in drawn], unit="s", utc=True).tz_convert(XNYS.zone)
    return [f"{at:%Y-%m-%d %H:%M:%S},50,61,49,{p},{v}" for at, (_, p, v) in zip(stamps, drawn, strict=True)]


def clean_bytes(*deliveries: list[str]) -> bytes:
    """Return the Parquet of what was delivered as one or several answers."""
    answers = [parse("\n".join([HEADER, *lines]).encode(), "an answer") for lines in deliveries if lines]
    return parquet.to_bytes(cleaned(place(pd.concat(answers, ignore_index=True), "start", XNYS)).bars)


@at_most(30)
@given(st.lists(VALUES, min_size=1, max_size=40), st.randoms(), st.integers(0, 40), st.integers(0, 40))
def test_order_repeats_chunks_and_another_delivery_change_no_clean_byte(drawn, random, cut, again):
    lines = lines_of(drawn)
    whole = clean_bytes(lines)
    shuffled = random.sample(lines, len(lines))
    assert clean_bytes(shuffled) == whole
    assert clean_bytes(shuffled + random.choices(lines, k=again)) == whole
    assert clean_bytes(shuffled[:cut], shuffled[cut:], lines[:again]) == whole


@at_most(40)
@given(st.lists(MINUTES, min_size=1, max_size=60), st.integers(0, 400), st.integers(1, 30))
def test_cutting_the_future_off_never_changes_the_past(minutes, known, limit):
    received, now = rows(*minutes), OPEN + 60.0 * known
    then, later = cleaned(received, now, limit).bars, cleaned(received, LATER, limit).bars
    without = cleaned(received[received["ts"] + 60 <= now], LATER, limit).bars
    pd.testing.assert_frame_equal(then, without)
    pd.testing.assert_frame_equal(then, later[epoch(later["ts"]) < now][: len(then)])


@pytest.mark.parametrize("order", [1, -1])
def test_rows_against_the_direction_of_the_others_are_counted(order):
    received = rows(*((m, 50) for m in (0, 1, 2, 3, 5, 4, 6)))[::order]
    assert cleaned(received).report["out_of_order"] == 1


@pytest.mark.parametrize(("volume", "auction"), [(0.0, True), (11.0, True), (10.0, False)])
def test_a_row_exactly_at_the_close_is_the_auctions_where_it_has_no_volume_or_the_largest(volume, auction):
    received = rows(*((m, 50) for m in range(350, 389)), (389, 50.5), (390, 51), (391, 53))
    received.loc[received["ts"] == OPEN + 390 * 60, "volume"] = volume
    result = cleaned(received)
    report = result.report
    assert (report["closing_auction"], report["extended_hours"]) == ((1, 1) if auction else (0, 2))
    official = {"2024-03-01": {"ts": "2024-03-01T21:00:00+00:00", "price": 51.0, "volume": volume}}
    assert report["official_closes"] == (official if auction else {})
    assert (report["kept"], report["refused"]) == (40, {})
    assert result.bars["official_close"].tolist()[:-1] == pytest.approx([np.nan] * 39, nan_ok=True)
    assert result.bars["official_close"].tolist()[-1] == pytest.approx(51.0 if auction else np.nan, nan_ok=True)


def test_an_official_close_is_known_a_minute_later_and_the_newest_answer_decides():
    received = rows(*((m, 50) for m in range(350, 391)))
    received.loc[40, "volume"] = 0.0
    close = OPEN + 390 * 60
    assert cleaned(received, close + 59).report["closing_auction"] == 0
    assert cleaned(received, close + 60).report["closing_auction"] == 1
    newer = received.assign(close=received["close"] + 0.1)
    answers = pd.concat([received.assign(known_at=LATER, answer=0), newer.assign(known_at=LATER + 1, answer=1)])
    report = cleaned(answers, LATER + 1).report
    assert [close["price"] for close in report["official_closes"].values()] == [50.1]


def test_a_session_around_the_clock_has_no_closing_auction():
    received = rows((0, 50), (1440 * 3, 52)).assign(volume=0.0)
    received["ts"] -= OPEN % 86_400
    report = clean(received, "BTC", "csv", CleaningParameters(sessions("24/7"), 15, LATER + 86_400 * 4)).report
    assert (report["closing_auction"], report["kept"]) == (0, 2)


def test_rows_of_a_day_without_a_session_are_told_from_extended_hours():
    received = rows((-1, 50), (0, 50), (390, 50), (1440 + 30, 50))  # the next day is a Saturday
    report = cleaned(received, LATER + 86_400).report
    assert (report["extended_hours"], report["session_closed"]) == (2, 1)


def test_an_outlier_stays_as_received_and_its_price_is_not_repeated():
    received = rows(*((minute, 100.0) for minute in range(20)), (20, 5000.0), (22, 100.0))
    result = cleaned(received)
    assert result.bars["close"].tolist() == [*[100.0] * 20, 5000.0, 100.0, 100.0]
    assert result.bars["filled"].tolist() == [*[False] * 21, True, False]
    assert result.report["outliers"] == {
        "count": 1,
        "first": [{"ts": "2024-03-01T14:50:00+00:00", "low": 4999.0, "high": 5001.0}],
    }
    assert result.report["kept"] == 22
