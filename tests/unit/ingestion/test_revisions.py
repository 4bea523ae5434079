"""What differs where two answers overlap."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.ingestion.revisions import compare


def frame(closes: list[float], first: str = "2024-03-01 09:30") -> pd.DataFrame:
    """Return rows as received, a minute each, flat."""
    label = pd.date_range(first, periods=len(closes), freq="min")
    return pd.DataFrame({"label": label} | dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": 1.0})


def test_the_same_bars_and_newer_ones_are_no_revision() -> None:
    found = compare(frame([10.0, 11.0, 12.0]), frame([10.0, 11.0, 12.5, 13.0]))  # the third was still forming
    assert not found.any
    assert (found.compared, found.first, found.ratio) == (2, None, None)


def test_a_changed_and_a_missing_minute_are_named() -> None:
    after = frame([10.0, 11.5, 12.0, 13.0]).drop(index=2)
    found = compare(frame([10.0, 11.0, 12.0, 13.0]), after)
    assert (found.compared, found.changed, found.removed) == (3, 1, 1)
    assert found.shown == ["2024-03-01 09:31:00", "2024-03-01 09:32:00"]
    assert found.ratio is None


def test_minutes_before_and_after_what_an_answer_holds_are_not_removed() -> None:
    found = compare(frame([10.0, 11.0, 12.0, 13.0]), frame([11.0, 12.0], "2024-03-01 09:31"))
    assert (found.compared, found.any) == (2, False)


@given(st.lists(st.integers(1_000, 500_000), min_size=2, max_size=40), st.sampled_from([0.05, 0.1, 0.5, 2.0, 3.0]))
def test_a_split_is_one_ratio_though_prices_are_rounded(cents: list[int], ratio: float) -> None:
    before = [cent / 100 for cent in cents]
    after = [round(price * ratio, 2) for price in before]
    found = compare(frame(before), frame(after))
    fine = all(abs(new / old - ratio) <= 1e-3 * ratio for old, new in zip(before, after, strict=True))
    assert not fine or found.ratio == pytest.approx(ratio, rel=2e-3)
    assert found.changed == len(before) - 1


def test_prices_that_moved_differently_have_no_ratio() -> None:
    assert compare(frame([10.0, 20.0, 30.0]), frame([5.0, 12.0, 30.0])).ratio is None


def test_a_dividend_of_a_few_cents_is_a_revision_and_no_split() -> None:
    found = compare(frame([100.0, 101.0, 102.0]), frame([99.9, 100.9, 102.0]))
    assert (found.changed, found.ratio) == (2, None)


def test_nothing_in_common_is_nothing_to_say() -> None:
    found = compare(frame([10.0, 11.0]), frame([10.0], "2024-03-02 09:30"))
    assert (found.compared, found.any) == (0, False)
    assert not compare(frame([10.0]), frame([11.0])).any
