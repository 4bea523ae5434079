import numpy as np
import pytest

from stock_ml.evaluation.live_bars import LiveBarsReport, LiveCloses, SettledCloses, live_bars_report


def live(closes: dict[int, float], corrected: tuple[int, ...] = ()) -> LiveCloses:
    ts = np.array(list(closes), dtype=np.int64)
    return LiveCloses(ts, np.array(list(closes.values())), np.isin(ts, corrected).astype(np.int16))


def settled(closes: dict[int, float]) -> SettledCloses:
    return SettledCloses(np.array(list(closes), dtype=np.int64), np.array(list(closes.values())))


def test_minutes_are_compared_over_symbols_and_those_of_one_side_alone_are_counted() -> None:
    one = live({0: 100.0, 60: 100.0, 120: 100.0}, (60,)), settled({60: 100.0, 120: 100.01, 180: 1.0, 240: 1.0})
    other = live({0: 50.0, 60: 50.0}, (0, 60)), settled({0: 50.02, 60: 50.0})
    report = live_bars_report("2024-03-15", [one, other])
    assert report is not None
    assert report[:4] == ("2024-03-15", 4, 2, 1)
    assert (report.differ, report.corrected) == (0.5, 0.6)
    assert report.median_bp == pytest.approx(2.5, abs=0.01)
    assert report.largest_bp == pytest.approx(4.0, abs=0.01)


def test_where_all_closes_are_the_settled_ones_no_difference_is_named() -> None:
    same = {0: 100.0, 60: 101.0}
    assert live_bars_report("2024-03-15", [(live(same), settled(same))]) == LiveBarsReport(
        "2024-03-15", 2, 0, 0, 0.0, None, None, 0.0
    )


def test_without_a_minute_that_both_have_nothing_is_compared() -> None:
    assert live_bars_report("2024-03-15", []) is None
    assert live_bars_report("2024-03-15", [(live({0: 1.0}), settled({60: 1.0}))]) is None
