import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.intervals import coverage, quantiles, scale


@given(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=300))
def test_quantiles_agree_with_counting(errors):
    widths = quantiles(np.array(errors), np.full(len(errors), 1e-3))
    scaled = sorted(abs(e) / math.hypot(1e-3, 1e-5) for e in errors)
    for p in (50, 90, 99):
        needed = p / 100 * (len(errors) + 1)
        enough = [x for i, x in enumerate(scaled) if i + 1 >= needed - 1e-9]
        assert widths[str(p)] == pytest.approx(min(enough, default=scaled[-1]), rel=1e-12, abs=1e-300)


def test_coverage_on_fresh_errors_is_what_was_promised():
    rng = np.random.default_rng(5)
    volatility = rng.uniform(1e-4, 1e-3, 20_000)
    errors = rng.standard_t(4, 20_000) * volatility
    widths = quantiles(errors[:10_000], volatility[:10_000])
    got = coverage(errors[10_000:], volatility[10_000:], widths)
    for level, share in got.items():
        assert share == pytest.approx(int(level) / 100, abs=0.015)


def test_a_flat_window_has_a_width():
    assert scale(np.zeros(1))[0] > 0
