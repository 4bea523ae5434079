import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.dashboard.pooled_scores import pool
from stock_ml.adapters.postgres.reader import Score

ERRORS = st.lists(st.tuples(*[st.floats(0.01, 10)] * 2), min_size=2, max_size=20)


def scored(pairs: list[tuple[float, float]], session: str = "2024-03-01") -> Score:
    """Score errors of model and last price at once."""
    model, last = np.array(pairs).T
    gain, right = last - model, float((model < last).mean())
    return Score(session, len(pairs), model.mean(), last.mean(), gain.mean(), gain.std(ddof=1), right, direction=right)


@given(st.lists(ERRORS, min_size=1, max_size=5))
def test_sessions_together_are_what_all_their_forecasts_are_at_once(sessions: list[list[tuple[float, float]]]) -> None:
    at_once = scored([pair for pairs in sessions for pair in pairs])
    together = pool([scored(pairs) for pairs in sessions])
    assert together[1:7] == pytest.approx(at_once[1:7])


def test_directions_are_weighed_by_what_moved() -> None:
    few, many = (scored([(1.0, 1.0)] * 2)._replace(direction=d, moved=n) for d, n in ((1.0, 1), (0.5, 3)))
    assert (pool([few, many]).direction, pool([few, many]).moved) == (0.625, 4)


def test_a_session_without_scores_adds_nothing() -> None:
    nothing = Score("2024-03-05", 0, None, None, None, None, None)
    assert pool([nothing, scored([(1.0, 2.0)] * 3)])[:3] == ("2024-03-05", 3, 1.0)
    assert pool([nothing]) == nothing


def test_a_gain_beyond_any_market_is_pooled_without_an_error() -> None:
    absurd = Score("2024-03-05", 1, 1e200, 1e200, 1e200, None, 1.0)
    usual = Score("2024-03-04", 3, 1.0, 2.0, 1.0, 0.5, 1.0)
    assert pool([absurd, usual]).gain_deviation == float("inf")
