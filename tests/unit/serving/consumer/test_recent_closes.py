import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.consumer.recent_closes import KEPT, Closes, RecentCloses
from tests.hypothesis_budget import at_most

cells = st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(1, 3), st.integers(0, 2))


def closes(rows: list[tuple[int, int, int, int]]) -> Closes:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Closes(columns[0], columns[1], columns[2].astype(float), columns[3].astype(float))


def held(kept: RecentCloses) -> dict[tuple[int, int], float]:
    return {
        (slot, ts): close
        for slot in range(3)
        for ts, close in zip(kept.of(slot).ts.tolist(), kept.of(slot).close.tolist(), strict=True)
    }


@given(st.lists(cells, max_size=20))
@at_most(50)
def test_the_largest_volume_stays_and_of_those_the_newest_one_by_one_and_together(rows):
    expected: dict[tuple[int, int], tuple[int, int]] = {}
    for slot, ts, close, volume in rows:
        if volume >= expected.get((slot, ts), (-1, 0))[0]:
            expected[slot, ts] = (volume, close)
    one_by_one, together = RecentCloses(), RecentCloses()
    for row in rows:
        one_by_one.add(closes([row]))
    together.add(closes(rows))
    for kept in (one_by_one, together):
        assert held(kept) == {key: float(close) for key, (_, close) in expected.items()}


def test_symbols_that_are_cleared_lose_theirs_and_others_keep_them():
    kept = RecentCloses()
    kept.add(closes([(0, 60, 5, 1), (1, 60, 6, 1)]))
    kept.clear(np.array([0]))
    assert held(kept) == {(1, 60): 6.0}


def test_the_newest_of_each_symbol_stay():
    kept = RecentCloses()
    kept.add(closes([(slot, ts, 1, 1) for slot in (0, 1) for ts in range(KEPT + 3 - slot * 2)]))
    kept.drop_old()
    assert sorted(held(kept)) == [(0, ts) for ts in range(3, KEPT + 3)] + [(1, ts) for ts in range(1, KEPT + 1)]
