"""What labels mean is learned from the edges of sessions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.calendar import sessions
from stock_ml.errors import AmbiguousTimestamps, BadFile
from stock_ml.sources.parsing import detect_convention, place
from stock_ml.sources.parsing.timestamp_convention import _votes
from tests.hypothesis_budget import at_most

XNYS = sessions("XNYS")
FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-11-25")))  # holds Thanksgiving's half day


def opens(number: int, extended: bool) -> np.ndarray:
    around = (-600, 900) if extended else (0, 0)
    return np.arange(XNYS.opens[number] + around[0], XNYS.closes[number] + around[1], 60)


def rows_of(ts: np.ndarray, labels: str, volume: np.ndarray | None = None) -> pd.DataFrame:
    """Label bars as a source would."""
    stamps = pd.to_datetime(ts + (60 if labels == "end" else 0), unit="s", utc=True)
    naive = stamps.tz_convert(XNYS.zone).tz_localize(None)
    return pd.DataFrame({"label": naive, "volume": np.full(len(ts), 100.0) if volume is None else volume})


def auction(ts: np.ndarray) -> np.ndarray:
    return np.where(XNYS.minute(ts) == 0, 50_000.0, 900.0)


@pytest.mark.parametrize("labels", ["start", "end"])
def test_regular_hours_tell_by_their_first_and_last_label_even_on_half_days(labels):
    ts = np.concatenate([opens(n, False) for n in range(FIRST, FIRST + 8)])
    assert detect_convention(rows_of(ts, labels), XNYS) == labels


@pytest.mark.parametrize("labels", ["start", "end"])
def test_extended_hours_tell_by_the_opening_auctions_volume(labels):
    ts = np.concatenate([opens(n, True) for n in range(FIRST, FIRST + 8)])
    assert detect_convention(rows_of(ts, labels, auction(ts)), XNYS) == labels


@given(st.sets(st.integers(2, 389), max_size=120), st.sampled_from(["start", "end"]), st.integers(0, 2**32 - 1))
@at_most(30)
def test_missing_minutes_inside_the_session_do_not_matter(missing, labels, order):
    ts = np.concatenate([opens(n, True) for n in range(FIRST, FIRST + 3)])
    rows = rows_of(ts, labels, auction(ts))[~np.isin(XNYS.minute(ts), sorted(missing))]
    assert detect_convention(rows.sample(frac=1, random_state=order), XNYS) == labels


def test_one_odd_session_in_six_is_outvoted_and_two_in_six_are_not():
    for odd, agreed in ((1, True), (2, False)):
        parts = [(n, "end" if n < FIRST + odd else "start") for n in range(FIRST, FIRST + 6)]
        rows = pd.concat([rows_of(opens(n, False), labels) for n, labels in parts])
        if agreed:
            assert detect_convention(rows, XNYS) == "start"
        else:
            with pytest.raises(AmbiguousTimestamps, match="4 of 6 sessions"):
                detect_convention(rows, XNYS)


def test_rows_without_a_session_edge_are_ambiguous():
    ts = opens(FIRST, True)
    with pytest.raises(AmbiguousTimestamps, match="give whole sessions"):
        detect_convention(rows_of(ts, "start"), XNYS)  # flat volume, extended hours
    weekend = rows_of(opens(FIRST, True) - 2 * 86_400, "start")
    with pytest.raises(AmbiguousTimestamps, match="0 of 0 sessions"):
        detect_convention(weekend, XNYS)


@pytest.mark.parametrize("labels", ["start", "end"])
@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04"])
def test_labels_become_bar_opens_in_utc_on_both_sides_of_a_clock_change(labels, day):
    ts = opens(int(np.searchsorted(XNYS.dates, np.datetime64(day))), True)
    assert place(rows_of(ts, labels), labels, XNYS)["ts"].tolist() == ts.tolist()


@pytest.mark.parametrize("label", ["2024-11-03 01:30", "2024-03-10 02:30"])
def test_a_label_that_a_clock_change_makes_twice_or_never_is_refused_by_its_name(label):
    rows = pd.DataFrame({"label": pd.to_datetime(["2024-03-08 10:00", label, "2024-11-04 10:00"])})
    rows.attrs["where"] = "a.csv"
    with pytest.raises(BadFile, match=f"a.csv, column label: {label}:00 is at a change of clocks in America/New_York"):
        place(rows, "start", XNYS)


@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "", "America/Toronto"])
def test_a_zone_of_the_same_clocks_is_the_exchanges_own(zone):
    rows = rows_of(opens(FIRST, False), "start")
    rows.attrs["zone"] = zone
    assert place(rows, "start", XNYS)["ts"].tolist() == opens(FIRST, False).tolist()


@pytest.mark.parametrize("zone", ["Europe/London", "US/Central", "UTC", "No/Where", "../x"])
def test_labels_in_another_zone_are_refused(zone):
    rows = rows_of(opens(FIRST, False), "start")
    rows.attrs.update(zone=zone, where="the answer")
    with pytest.raises(BadFile, match=f"the answer: its times are in '{zone}', and XNYS trades in America/New_York"):
        place(rows, "start", XNYS)


def test_rows_that_the_source_stamped_in_utc_are_placed_already():
    ts = opens(FIRST, False)[5:50]
    rows = rows_of(ts, "start").assign(ts=ts)
    assert detect_convention(rows, XNYS) == "start"
    assert place(rows, "start", XNYS)["ts"].tolist() == ts.tolist()


def naive_vote(minutes: dict[int, float], length: int) -> str:
    """Vote as the rule reads, one session."""
    if min(minutes) >= 0 and max(minutes) <= length and (0 in minutes) != (length in minutes):
        return "start" if 0 in minutes else "end"
    first, second = minutes.get(0, 0.0), minutes.get(1, 0.0)
    return "" if first == second else "start" if first > second else "end"


SESSION = st.dictionaries(st.sampled_from([-5, 0, 1, 2, 209, 210, 211, 389, 390, 395]), st.sampled_from([0.0, 1, 2]))


@given(st.lists(SESSION.filter(bool), min_size=1, max_size=6), st.randoms())
def test_the_votes_are_those_of_a_walk_session_by_session(days, random):
    cells = [(FIRST + i, minute, volume) for i, day in enumerate(days) for minute, volume in day.items()]
    random.shuffle(cells)
    ts = np.array([XNYS.opens[n] + 60 * minute for n, minute, _ in cells])
    rows = rows_of(ts, "start", np.array([volume for *_, volume in cells], dtype=float))
    naive = [naive_vote(day, int(XNYS.closes[FIRST + i] - XNYS.opens[FIRST + i]) // 60) for i, day in enumerate(days)]
    assert _votes(rows, XNYS).tolist() == naive


def test_a_market_around_the_clock_has_no_zone_of_its_own():
    ts = opens(FIRST, False)[5:50]
    rows = rows_of(ts, "start").assign(ts=ts)
    rows.attrs["zone"] = "Europe/London"  # as Yahoo states for EURUSD=X
    assert place(rows, "start", sessions("24/5"))["ts"].tolist() == ts.tolist()
    with pytest.raises(BadFile, match="XNYS trades in America/New_York"):
        place(rows, "start", XNYS)
