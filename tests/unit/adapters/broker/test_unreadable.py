"""Where partitions stand, and where a batch that cannot be read ends."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.broker import UnreadableBatch
from stock_ml.adapters.broker.retention_loss import Unread
from stock_ml.adapters.broker.stalls import LONGEST, Stalls
from stock_ml.adapters.broker.unreadable import end_of_batch


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.integers(0, 10**9))
def test_the_end_of_a_batch_is_found_with_few_questions(first: int, length: int, behind: int) -> None:
    asked: list[int] = []

    def holds(offset: int) -> bool:
        asked.append(offset)
        return offset < first + length

    assert end_of_batch(holds, first, first + length + behind) == first + length
    assert len(asked) <= 2 * length.bit_length() + 1
    assert all(first < offset < first + length + behind for offset in asked)


def test_a_partition_stands_after_it_was_asked_in_vain_for_long_enough() -> None:
    stalls = Stalls()
    for _ in range(4):
        stalls.update({0: 7, 1: 3}, LONGEST / 3)
        stalls.update({0: 7, 1: 4}, 0.0)
    assert stalls.offsets == {0: 7}
    stalls.update({0: 8}, LONGEST)
    assert stalls.offsets == {}


def test_a_partition_in_which_nothing_waits_or_that_was_moved_on_does_not_stand() -> None:
    stalls = Stalls()
    stalls.update({0: 7, 1: 7}, 0.0)
    stalls.update({0: 7, 1: 7}, LONGEST)
    stalls.forget(0)
    assert stalls.offsets == {1: 7}
    stalls.update({}, LONGEST)
    stalls.update({1: 7}, LONGEST)
    assert stalls.offsets == {}


def test_what_was_passed_over_is_not_told_as_deleted_and_what_was_deleted_before_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    unread = Unread()
    unread.skip(UnreadableBatch("t", 0, 10, 20, "damaged"))
    assert (unread.next(0), unread.next(1)) == (20, -1)
    assert caplog.text == ""
    unread.skip(UnreadableBatch("t", 0, 25, 30, "damaged"))
    assert "5 messages were deleted before they were read, offsets 20 to 25" in caplog.text
