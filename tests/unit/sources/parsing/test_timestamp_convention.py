"""What labels mean is learned from the edges of sessions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.calendar import sessions
from stock_ml.errors import AmbiguousTimestamps, BadFile
from stock_ml.sources.parsing import detect_convention, place
from stock_ml.sources.parsing.timestamp_convention import PRESENCE, RANGE, VOLUME, label_evidence, pooled
from tests.hypothesis_budget import at_most
from tests.label_files import FIRST, XNYS, active, feed, frame, opens, with_auction

BOTH = pytest.mark.parametrize("labels", ["start", "end"])


@BOTH
def test_regular_hours_tell_by_their_first_and_last_label_even_on_half_days(labels):
    ts = np.concatenate([opens(n) for n in range(FIRST, FIRST + 8)])
    assert detect_convention(frame(ts, labels), XNYS) == labels


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_extended_hours_tell_by_range_and_volume_at_the_edges(labels, seed):
    found = label_evidence(feed(labels, extended=True, seed=seed), XNYS)
    assert (found["says"], found["sure"]) == (labels, "strong")
    assert [sign["says"] for sign in found["signs"]] == [labels, labels, "", labels]


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_an_opening_auction_in_a_bar_of_its_own_or_printed_late_misleads_nobody(late, seed):
    found = label_evidence(with_auction("end", late=late, seed=seed), XNYS)
    assert (found["says"], found["sure"]) == ("end", "strong")


def test_a_bar_start_feed_without_its_opening_minute_is_read_rightly():
    rows = feed("start", extended=True)
    minute = rows["label"].dt.strftime("%H:%M")
    assert detect_convention(rows[minute != "09:30"], XNYS) == "start"


@pytest.mark.parametrize("extended", [True, False])
def test_a_closing_auction_after_a_bar_start_feeds_last_minute_is_not_taken_for_that_minute(extended):
    rows = feed("start", extended=extended)
    auction = frame(XNYS.closes[FIRST : FIRST + 12], "start", 0.1, 3_000_000.0)
    found = label_evidence(pd.concat([rows[~rows["label"].isin(auction["label"])], auction]), XNYS)
    assert (found["says"], found["sure"]) == ("start", "strong")


def test_sparse_extended_hours_leave_the_edge_of_the_session_to_be_seen():
    rows = feed("end", extended=True)
    ts = np.concatenate([opens(n, True) for n in range(FIRST, FIRST + 12)])
    quiet = (XNYS.minute(ts) < 0) & (np.random.default_rng(1).random(len(ts)) < 0.9)
    found = label_evidence(rows[~quiet].assign(volume=100.0, high=101.0), XNYS)
    assert (found["says"], found["sure"]) == ("end", "strong")


@given(st.sets(st.integers(2, 387), max_size=120), st.sampled_from(["start", "end"]), st.integers(0, 2**32 - 1))
@at_most(30)
def test_missing_minutes_inside_the_session_do_not_matter(missing, labels, order):
    ts = np.concatenate([opens(n, True) for n in range(FIRST + 4, FIRST + 12)])
    rows = frame(ts, labels, *active(ts))[~np.isin(XNYS.minute(ts), sorted(missing))]
    assert detect_convention(rows.sample(frac=1, random_state=order), XNYS) == labels


def test_one_odd_session_in_six_is_outvoted_and_two_in_six_are_not():
    for odd, agreed in ((1, True), (2, False)):
        parts = [(n, "end" if n < FIRST + odd else "start") for n in range(FIRST, FIRST + 6)]
        rows = pd.concat([frame(opens(n), labels) for n, labels in parts])
        if agreed:
            assert detect_convention(rows, XNYS) == "start"
        else:
            with pytest.raises(AmbiguousTimestamps, match=r"Of 6 sessions the signs are too weak: .*: 0.67 in 6 sess"):
                detect_convention(rows, XNYS)


def test_rows_without_a_session_edge_are_ambiguous():
    ts = np.concatenate([opens(n, True)[30:-30] for n in range(FIRST, FIRST + 4)])
    with pytest.raises(
        AmbiguousTimestamps, match=r"Give more whole sessions .*, or set STOCKML_LABELS to start or end"
    ):
        detect_convention(frame(ts, "start"), XNYS)  # flat volume, extended hours
    weekend = frame(opens(FIRST, True) - 2 * 86_400, "start")
    with pytest.raises(AmbiguousTimestamps, match="Of 0 sessions the signs are too weak"):
        detect_convention(weekend, XNYS)


def test_signs_that_contradict_each_other_are_refused_with_their_figures():
    rows = feed("start", extended=True)
    at_close = np.isin(opens_of(rows), XNYS.closes[FIRST : FIRST + 12])
    rows.loc[at_close, "volume"] = 900_000.0
    rows.loc[np.isin(opens_of(rows), XNYS.closes - 60), "volume"] = 50_000.0
    rows.attrs["where"] = "a.csv"
    with pytest.raises(
        AmbiguousTimestamps, match=r"a.csv: .* 12 sessions the signs contradict each other: .*\(start\)"
    ):
        detect_convention(rows, XNYS)


def opens_of(rows: pd.DataFrame) -> np.ndarray:
    return place(rows, "start", XNYS)["ts"].to_numpy()


def evidence(says: str, sure: str):
    return {"says": says, "sure": sure, "sessions": 20, "signs": []}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], None),
        ([("end", "weak")] * 2, None),
        ([("end", "weak")] * 3, "end"),
        ([("end", "weak")] * 3 + [("start", "weak")], None),
        ([("end", "strong"), ("start", "weak"), ("start", "weak"), ("start", "weak")], "end"),
        ([("end", "strong"), ("start", "strong")], None),
        ([("end", "strong")] * 4 + [("start", "strong"), ("", "contradictory"), ("", "none")], "end"),
    ],
)
def test_symbols_of_one_source_decide_together_strong_ones_first(given, expected):
    assert pooled([evidence(*one) for one in given]) == expected


@pytest.mark.parametrize("labels", ["start", "end"])
@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04"])
def test_labels_become_bar_opens_in_utc_on_both_sides_of_a_clock_change(labels, day):
    ts = opens(int(np.searchsorted(XNYS.dates, np.datetime64(day))), True)
    assert place(frame(ts, labels), labels, XNYS)["ts"].tolist() == ts.tolist()


@pytest.mark.parametrize("label", ["2024-11-03 01:30", "2024-03-10 02:30"])
def test_a_label_that_a_clock_change_makes_twice_or_never_is_refused_by_its_name(label):
    rows = pd.DataFrame({"label": pd.to_datetime(["2024-03-08 10:00", label, "2024-11-04 10:00"])})
    rows.attrs["where"] = "a.csv"
    with pytest.raises(BadFile, match=f"a.csv, column label: {label}:00 is at a change of clocks in America/New_York"):
        place(rows, "start", XNYS)


@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "", "America/Toronto"])
def test_a_zone_of_the_same_clocks_is_the_exchanges_own(zone):
    rows = frame(opens(FIRST), "start")
    rows.attrs["zone"] = zone
    assert place(rows, "start", XNYS)["ts"].tolist() == opens(FIRST).tolist()


@pytest.mark.parametrize("zone", ["Europe/London", "US/Central", "UTC", "No/Where", "US", "../x"])
def test_labels_in_another_zone_are_refused(zone):
    rows = frame(opens(FIRST), "start")
    rows.attrs.update(zone=zone, where="the answer")
    with pytest.raises(BadFile, match=f"the answer: its times are in '{zone}', and XNYS trades in America/New_York"):
        place(rows, "start", XNYS)


def test_rows_that_the_source_stamped_in_utc_are_placed_already():
    ts = opens(FIRST)[5:50]
    rows = frame(ts, "start").assign(ts=ts)
    assert detect_convention(rows, XNYS) == "start"
    assert place(rows, "start", XNYS)["ts"].tolist() == ts.tolist()


CELL = st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([0.0, 10.0, 30.0]))
SESSION = st.dictionaries(st.sampled_from([-5, 0, 1, 2, 208, 209, 210, 211, 388, 389, 390, 395]), CELL, min_size=1)


def naive_figures(days: list[tuple[dict[int, tuple[float, float]], int]]) -> dict[str, tuple[float | None, int]]:
    """Return the figures of three signs, session by session as the rules read."""
    ranges, volumes, votes = [], [], []
    for day, length in days:
        if 0 in day and 1 in day:
            ranges.append(day[0][0] / day[1][0])
        if day.get(length, (0, 0))[1] > 0 and day.get(length - 1, (0, 0))[1] > 0:
            volumes.append(day[length][1] / day[length - 1][1])
        if min(day) >= 0 and max(day) <= length and (0 in day) != (length in day):
            votes.append(0 in day)
    found = {RANGE: ranges, VOLUME: volumes, PRESENCE: votes}
    middle = {RANGE: np.median, VOLUME: np.median, PRESENCE: np.mean}
    return {name: (round(float(middle[name](v)), 3) if v else None, len(v)) for name, v in found.items()}


@given(st.lists(SESSION, min_size=1, max_size=6), st.randoms())
def test_the_figures_are_those_of_a_walk_session_by_session(days, random):
    cells = [(FIRST + i, minute, *cell) for i, day in enumerate(days) for minute, cell in day.items()]
    random.shuffle(cells)
    ts = np.array([XNYS.opens[number] + 60 * minute for number, minute, *_ in cells])
    rows = frame(ts, "start", *np.array([cell for *_, cell in [(c[0], c[1], c[2:]) for c in cells]]).T)
    lengths = [int(XNYS.closes[FIRST + i] - XNYS.opens[FIRST + i]) // 60 for i in range(len(days))]
    expected = naive_figures(list(zip(days, lengths, strict=True)))
    found = {sign["sign"]: (sign["figure"], sign["sessions"]) for sign in label_evidence(rows, XNYS)["signs"]}
    all_extended = all(min(day) < 0 or max(day) > length for day, length in zip(days, lengths, strict=True))
    for name in (RANGE, VOLUME) if all_extended else (RANGE, VOLUME, PRESENCE):
        assert found[name] == expected[name]


def test_a_market_around_the_clock_has_no_zone_of_its_own():
    ts = opens(FIRST)[5:50]
    rows = frame(ts, "start").assign(ts=ts)
    rows.attrs["zone"] = "Europe/London"  # as Yahoo states for EURUSD=X
    assert place(rows, "start", sessions("24/5"))["ts"].tolist() == ts.tolist()
    with pytest.raises(BadFile, match="XNYS trades in America/New_York"):
        place(rows, "start", XNYS)
