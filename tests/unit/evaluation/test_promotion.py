"""Which candidate becomes champion."""

import numpy as np
import pytest

from stock_ml.evaluation.promotion import PromotionThreshold, decide

THRESHOLD = PromotionThreshold(alpha=0.05, margin=0.01)
FLAT = np.array([2.0, 2.1, 1.9, 2.0, 2.05, 1.95])
NOISE = np.array([0.01, -0.02, 0.0, 0.02, -0.01, 0.0])


def losses(**kinds: float) -> dict[str, np.ndarray]:
    return {kind: FLAT * scale + NOISE * (kind != "persistence") for kind, scale in kinds.items()}


@pytest.mark.parametrize(
    ("earlier", "later", "incumbent", "expected"),
    [
        # better before, and better again where the choice never looked
        ({"linear": 0.9, "huber": 0.8, "persistence": 1}, {"linear": 0.9, "huber": 0.8, "persistence": 1}, "", "huber"),
        # better before by luck
        ({"linear": 0.9, "persistence": 1}, {"linear": 1.0, "persistence": 1}, "persistence", "persistence"),
        # nothing better at all
        ({"linear": 1.1, "persistence": 1}, {"linear": 1.1, "persistence": 1}, "persistence", "persistence"),
        # the same recipe on newer data replaces itself, also when the last price was as near
        ({"linear": 0.99, "persistence": 1}, {"linear": 1.005, "persistence": 1}, "linear", "linear"),
        # but not when it has become worse than the last price
        ({"linear": 0.99, "persistence": 1}, {"linear": 1.05, "persistence": 1}, "linear", "persistence"),
        # another recipe must be better than the one that serves, not than persistence only
        (
            {"linear": 0.9, "huber": 0.89, "persistence": 1},
            {"linear": 0.9, "huber": 0.9, "persistence": 1},
            "linear",
            "linear",
        ),
        # what serves is no candidate any more: it counts as the last price
        ({"linear": 0.8, "persistence": 1}, {"linear": 0.8, "persistence": 1}, "gone", "linear"),
    ],
)
def test_who_becomes_champion(earlier, later, incumbent, expected):
    decision = decide(losses(**earlier), losses(**later), incumbent, THRESHOLD)
    assert decision.kind == expected
    assert 0 <= decision.p_value <= 1
