"""What a month is worth, checked against a walk minute by minute."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.cleaning.quality import (
    Gate,
    halts,
    minute_report,
    missing_everywhere,
    name_outliers,
    out_of_order,
    trade_share,
    zero_volume,
)
from stock_ml.domain.gaps import fill, holes, longest_silence
from tests.walks import NYSE, minutes_of, take, walk
from tests.walks import holes as masks

DAYS = walk(minutes_of("2024-03-04", 2))
FIRST, LAST = float(DAYS.ts[0]), float(DAYS.ts[-1]) + 60


def naive_kinds(ts: set[int], limit: int, until: float) -> dict[str, int]:
    """Classify each missing minute of the two sessions by itself."""
    found = {"filled": 0, "left_out": 0, "feed_gap_minutes": 0}
    for day in (DAYS.ts[:390], DAYS.ts[390:]):
        due = [int(at) for at in day if at + 60 <= until]
        for place, at in enumerate(due):
            if at in ts:
                continue
            before = next((k for k in range(place, -1, -1) if due[k] in ts), -1)
            after = next((k for k in range(place, len(due)) if due[k] in ts), len(due))
            edge = before == -1 or after == len(due)
            name = "feed_gap_minutes" if after - before - 1 > limit else "left_out" if edge else "filled"
            found[name] += 1
    return found


@given(masks(len(DAYS)), st.integers(1, 20), st.integers(0, 1840))
def test_each_missing_minute_is_what_a_walk_minute_by_minute_says_and_the_stream_fills_the_same(keep, limit, minutes):
    until = FIRST + 60 * minutes
    kept = take(DAYS, keep & (DAYS.ts + 60 <= until))
    filled = fill(kept, NYSE, limit)
    report = minute_report(filled, NYSE, limit, (FIRST, until))
    assert {name: report[name] for name in ("filled", "left_out", "feed_gap_minutes")} == naive_kinds(
        set(kept.ts.tolist()), limit, until
    )
    due = sum(day["minutes"] for day in report["sessions"].values())
    assert len(filled) + report["left_out"] + report["feed_gap_minutes"] == due
    assert int(filled.filled.sum()) == report["filled"]
    assert sum(gap["minutes"] for gap in report["feed_gaps"]) == report["feed_gap_minutes"]


def test_a_session_without_any_row_is_one_feed_gap_and_counts_against_coverage():
    report = minute_report(take(DAYS, slice(0, 390)), NYSE, 15, (FIRST, LAST))
    assert report["feed_gaps"] == [{"from": "2024-03-05T14:30:00+00:00", "minutes": 390}]
    assert report["sessions"]["2024-03-05"] == {"received": 0, "filled": 0, "minutes": 390}
    assert report["coverage"] == 0.5


def test_coverage_counts_received_minutes_of_complete_sessions_only():
    half = take(DAYS, slice(0, 400, 2))
    report = minute_report(fill(half, NYSE, 15), NYSE, 15, (FIRST, FIRST + 86_400 + 60 * 10))
    assert report["coverage"] == 0.5
    assert minute_report(half, NYSE, 15, (FIRST, FIRST + 60))["coverage"] is None


@pytest.mark.parametrize(
    ("feed", "received", "usual", "refused", "outliers", "says"),
    [
        (0.69, 0.69, 0.0, 0.0, 0, "69.0% of the minutes"),
        (1.0, 0.6, 0.9, 0.0, 0, "60.0% of the minutes of complete sessions have bars, 90.0% had before"),
        (0.9, 0.9, 0.9, 0.02, 0, "2.00% of the rows"),
        (0.9, 0.9, 0.9, 0.0, 3, "1.50% of the bars are outliers"),
        (0.7, 0.2, 0.2, 0.01, 2, None),
        (0.7, 0.2, 0.5, 0.01, 2, None),
        (0.7, 0.2, 0.0, 0.01, 2, None),
        (None, None, 0.9, 0.0, 0, None),
    ],
)
def test_the_gate_says_why_a_month_does_not_pass(feed, received, usual, refused, outliers, says):
    report = {"feed_coverage": feed, "coverage": received, "refused_share": refused, "refused": {"bad high": 1}}
    report |= {"outliers": {"count": outliers}, "kept": 200, "usual_coverage": usual}
    reason = Gate(0.7, 0.01).reason(report)
    assert (reason is None) if says is None else says in reason


def test_the_first_outliers_are_named_and_all_are_counted():
    bars = take(DAYS, slice(0, 25))
    found = name_outliers(bars)
    assert found["count"] == 25
    assert found["first"][1] == {"ts": "2024-03-04T14:31:00+00:00", "low": bars.low[1], "high": bars.high[1]}
    assert len(found["first"]) == 20


def test_runs_without_volume_and_rows_against_the_direction_are_counted():
    assert zero_volume(np.array([0, 0, 1, 0, 2.0])) == {"bars": 3, "runs": 2, "longest": 2}
    assert zero_volume(np.array([])) == {"bars": 0, "runs": 0, "longest": 0}
    assert out_of_order(np.array([5, 4, 3, 3, 9, 1])) == out_of_order(np.array([1, 9, 3, 3, 4, 5])) == 1


def test_a_hole_in_all_symbols_at_once_is_found_and_one_in_some_is_not():
    one, other = np.delete(DAYS.ts, np.r_[100:110, 200]), np.delete(DAYS.ts, np.r_[103:120, 300:310])
    assert missing_everywhere({"A": one, "B": other}, NYSE) == [{"from": "2024-03-04T16:13:00+00:00", "minutes": 7}]
    assert missing_everywhere({"A": one}, NYSE) == missing_everywhere({"A": one, "B": other[:0]}, NYSE) == []


def test_a_whole_session_without_bars_of_any_symbol_is_a_hole_in_all():
    days = minutes_of("2024-03-04", 3)
    rest = np.delete(days, np.r_[390:780])
    assert missing_everywhere({"A": rest, "B": rest[1:]}, NYSE) == [
        {"from": "2024-03-05T14:30:00+00:00", "minutes": 390}
    ]


def test_no_bars_have_one_hole_a_session():
    found = holes(np.array([], np.int64), NYSE, 15, (FIRST, LAST))
    assert found.minutes.tolist() == [390, 390]
    assert not found.short.any()


def test_holes_of_a_symbol_that_trades_in_one_minute_of_five_are_its_silence_and_a_failed_feed_is_none():
    random = np.random.default_rng(3)
    ts = minutes_of("2024-03-04", 20)
    thin = take(walk(ts), random.random(len(ts)) < 0.2)
    span = (float(ts[0]), float(ts[-1] + 60))
    days = minute_report(thin, NYSE, 15, span)["sessions"].values()
    silence = longest_silence(trade_share(days), 15)
    assert 60 < silence < 150
    report = minute_report(thin, NYSE, 15, span, silence)
    assert (report["feed_gaps"], report["feed_coverage"], round(report["coverage"], 1)) == ([], 1.0, 0.2)
    assert report["silent_minutes"] > 0
    failed = take(thin, (thin.ts < ts[390 * 5 + 100]) | (thin.ts >= ts[390 * 5 + 300]))
    report = minute_report(failed, NYSE, 15, span, silence)
    assert [gap["minutes"] >= 200 for gap in report["feed_gaps"]] == [True]
    assert report["feed_coverage"] == 1 - report["feed_gaps"][0]["minutes"] / 7800


def test_a_symbol_that_always_trades_has_no_silence():
    assert trade_share([]) == 1.0
    assert trade_share([{"received": 390, "filled": 0, "minutes": 390}]) == 1.0
    assert [longest_silence(share, 15) for share in (1.0, 0.97, 0.75)] == [15, 15, 15]
    assert longest_silence(0.0, 15) > 10_000


def naive_halts(received, limit):
    """Compare each symbol with each other one, as the definition says."""
    found = {}
    for symbol, ts in received.items():
        others = {int(at) for name, times in received.items() if name != symbol for at in times}
        gaps = holes(ts, NYSE, limit, (float(ts[0]), float(ts[-1]) + 60)) if len(ts) else None
        alone = (
            [
                (int(at), int(n))
                for at, n, short in zip(gaps.ts, gaps.minutes, gaps.short, strict=True)
                if not short and sum(at + 60 * k in others for k in range(n)) >= 0.8 * n
            ]
            if gaps
            else []
        )
        if others and alone:
            found[symbol] = alone
    return found


@given(st.lists(st.tuples(st.integers(0, 779), st.integers(0, 200), st.integers(0, 9)), max_size=5), st.integers(1, 20))
def test_halts_are_what_comparing_each_symbol_with_each_other_one_gives(removed, limit):
    received = {
        f"S{at}": np.delete(DAYS.ts, np.r_[first : min(first + length, 780)])[trim:]
        for at, (first, length, trim) in enumerate(removed)
    }
    found = {
        symbol: [(int(datetime.fromisoformat(gap["from"]).timestamp()), gap["minutes"]) for gap in gaps]
        for symbol, gaps in halts(received, NYSE, limit).items()
    }
    assert found == naive_halts(received, limit)


def test_a_hole_while_others_trade_is_a_halt_and_one_in_all_symbols_is_none():
    halted = DAYS.ts[np.r_[0:100, 130:780]]
    failed = DAYS.ts[np.r_[0:400, 430:780]]
    both = np.intersect1d(halted, failed)
    assert halts({"A": both, "B": failed, "C": failed}, NYSE, 15) == {
        "A": [{"from": "2024-03-04T16:10:00+00:00", "minutes": 30}]
    }
    assert halts({"A": both}, NYSE, 15) == halts({"A": both, "B": both[:0]}, NYSE, 15) == {}
