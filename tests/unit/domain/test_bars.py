"""One gate for every bar, and its refusal says which bar and why."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.bars import (
    LARGEST_PRICE,
    LARGEST_VOLUME,
    bad_column,
    broken,
    distinct,
    largest_volume,
    valid,
    validate,
)
from stock_ml.errors import BadBars
from tests.walks import BOUNDARY_NUMBERS, frame, minutes_of, walk

BARS = frame("AAPL", walk(minutes_of("2024-03-04", 1)[:5]))


def with_one(column: str, value: object) -> pd.DataFrame:
    bars = BARS.copy()
    bars.loc[2, column] = value
    return bars


def test_good_bars_pass_as_they_came_also_none_at_all():
    assert validate(BARS) is BARS
    assert len(validate(BARS[:0])) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[(name, value) for name in ("open", "high", "low", "close") for value in (np.nan, np.inf, -1.0, 0.0)],
        *[("open", 1e6), ("close", 1e-6), ("volume", -1.0), ("volume", np.nan)],
        ("ts", pd.Timestamp("2024-03-04 14:32:30", tz="UTC")),
        ("ts", pd.Timestamp("2024-03-04 14:31", tz="UTC")),
    ],
)
def test_a_bad_bar_is_refused_by_symbol_time_and_column(column, value):
    bars = with_one(column, value)
    with pytest.raises(BadBars, match=f"bad {column} in the bar of AAPL at 2024-03-04 14:3"):
        validate(bars)


def test_a_missing_column_and_another_type_are_refused():
    with pytest.raises(BadBars, match=r"lack the columns \['volume'\]"):
        validate(BARS.drop(columns="volume"))
    with pytest.raises(BadBars, match=r"types: .*'ts'"):
        validate(BARS.assign(ts=BARS["ts"].dt.tz_localize(None)))
    with pytest.raises(BadBars, match=r"types: .*'volume'"):
        validate(BARS.assign(volume=1))


def test_time_may_start_anew_with_the_next_symbol():
    both = pd.concat([BARS, BARS.assign(symbol="MSFT")], ignore_index=True)
    assert validate(both) is both


CELLS = st.tuples(st.integers(0, 3), *[st.sampled_from([1.0, 2.0, 3.0])] * 5)


@given(st.lists(CELLS, max_size=12))
def test_the_fullest_row_of_a_minute_is_the_greatest_by_volume_then_high_low_open_and_close(cells):
    rows = pd.DataFrame(cells, columns=["ts", "open", "high", "low", "close", "volume"], dtype=float)
    best = {}
    for row in rows.itertuples(index=False):
        key = (row.volume, row.high, row.low, row.open, row.close)
        best[row.ts] = max(best.get(row.ts, key), key)
    found = rows.iloc[largest_volume(rows)][["ts", "volume", "high", "low", "open", "close"]].values.tolist()
    assert found == [[ts, *key] for ts, key in sorted(best.items())]


def test_rows_are_marked_with_the_column_that_breaks_a_rule():
    assert broken(np.array([[1, 2, 1, 1, 0], [3, 2, 1, 1, 0], [1, 2, 1, 1, -1.0]])).tolist() == ["", "open", "volume"]


@given(st.lists(st.tuples(*[BOUNDARY_NUMBERS] * 5), min_size=1, max_size=20))
def test_one_bar_and_many_pass_the_same_gate(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows)
    assert broken(table).tolist() == [bad_column(row) for row in rows]
    assert valid(table.T).tolist() == [bad_column(row) == "" for row in rows]


@pytest.mark.parametrize(
    ("column", "at", "beyond"),
    [
        *[(name, LARGEST_PRICE, np.nextafter(LARGEST_PRICE, np.inf)) for name in ("open", "high", "low", "close")],
        ("volume", LARGEST_VOLUME, np.nextafter(LARGEST_VOLUME, np.inf)),
    ],
)
def test_a_bar_at_a_bound_passes_and_one_just_above_it_does_not(column: str, at: float, beyond: float) -> None:
    bar = dict.fromkeys(("open", "high", "low", "close", "volume"), LARGEST_PRICE)
    assert bad_column(list((bar | {column: at}).values())) == ""
    assert bad_column(list((bar | {column: beyond}).values())) == column


def test_importing_the_record_does_not_import_pandera():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, stock_ml.domain.bars; print('pandera' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "False"


@given(st.lists(st.integers(0, 50)))
def test_distinct_times_are_those_of_a_set_ascending(times):
    assert distinct(np.array(times, np.int64)).tolist() == sorted(set(times))


def test_good_bars_are_known_without_the_schema_and_its_import():
    script = "import sys; from tests.unit.domain.test_bars import BARS, validate; validate(BARS)"
    script += "; print('pandera' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
