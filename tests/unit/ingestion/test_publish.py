"""How many of a run's symbols are enough."""

import pytest

from stock_ml.ingestion.publish import is_enough


@pytest.mark.parametrize(
    ("clean", "symbols", "share", "enough"),
    [
        (5, 5, 1.0, True),
        (4, 5, 1.0, False),
        (4, 5, 0.8, True),  # equal is enough, whatever 0.8 is in binary
        (3, 5, 0.8, False),
        (7, 10, 0.7, True),
        (1, 3, 1 / 3, True),
        (1, 2, 0.8, False),
        (0, 5, 0.001, False),  # nothing is never enough
        (400, 500, 0.8, True),
        (399, 500, 0.8, False),
    ],
)
def test_a_share_of_the_symbols_is_enough(clean, symbols, share, enough):
    assert is_enough(clean, symbols, share) is enough
