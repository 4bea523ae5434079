"""What the next close is: the trade a minute later, the last one where none comes, and nothing across a long hole."""

import numpy as np
import pytest

from benchmarks.oracle.skill import errors, skill, targets
from sandbox.market import Day
from tests.unit.sandbox.markets import FIRST, XNYS

OPEN, CLOSE = int(XNYS.opens[FIRST]), int(XNYS.closes[FIRST])
TS = np.array([OPEN, OPEN + 60, OPEN + 180, OPEN + 180 + 17 * 60, CLOSE - 60, int(XNYS.opens[FIRST + 1])])
BARS = Day(TS, np.column_stack([np.full((6, 3), 10.0), [10.0, 11, 12, 13, 14, 15], np.ones(6)]))


def test_targets_are_the_next_minutes_last_trades():
    assert targets(XNYS, BARS).tolist()[:2] == [11.0, 11.0]
    assert np.isnan(targets(XNYS, BARS)[2:]).all()


def test_errors_are_in_basis_points_of_the_last_price():
    forecast = np.array([10.5, 11.0, np.nan, 13, 14, 15])
    assert errors(XNYS, BARS, forecast).tolist() == [[500.0, 1000.0], [0.0, 0.0]]
    assert skill(XNYS, BARS, forecast) == pytest.approx(0.5)
