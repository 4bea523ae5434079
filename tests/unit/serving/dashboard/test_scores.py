import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.dashboard.scores import ENOUGH, judge, pool, skill, symbol_score
from stock_ml.adapters.postgres.reader import Score

ERRORS = st.lists(st.tuples(*[st.floats(0.01, 10)] * 2), min_size=2, max_size=20)
NOTHING = Score(None, 0, None, None, None, None, None)


def scored(model: np.ndarray, persistence: np.ndarray) -> Score:
    """Score absolute errors as the database does."""
    gain = persistence - model
    return Score("2024-03-01", len(model), model.mean(), persistence.mean(), gain.mean(), gain.std(ddof=1), 0.9)


def test_skill_is_the_share_of_the_last_prices_error_that_the_model_saves() -> None:
    assert skill(Score("2024-03-01", 50, 0.75, 1.0, 0.25, 1.0, 0.9)) == pytest.approx(0.25)


def test_nothing_scored_has_no_skill_and_says_so() -> None:
    assert skill(NOTHING) is None
    assert judge(NOTHING) == ("none", "No forecast of this session has been scored yet.")


def test_a_price_that_never_moved_has_no_skill_to_show() -> None:
    assert skill(Score("2024-03-01", 50, 0.1, 0.0, -0.1, 0.0, 0.9)) is None


def test_few_forecasts_are_too_early_however_good() -> None:
    ones = np.ones(ENOUGH - 1)
    assert judge(scored(ones * 0.1, ones))[0] == "early"


def test_a_model_no_better_than_the_last_price_is_called_so() -> None:
    ones = np.ones(ENOUGH)
    assert judge(scored(ones * 1.1, ones)) == ("worse", "In this session the model is no better than the last price.")


def test_the_last_price_as_forecast_is_called_so_and_not_a_bad_model() -> None:
    ones = np.ones(ENOUGH)
    said = "In this session the last price itself was the forecast: no model was better."
    assert judge(scored(ones, ones)) == ("same", said)
    assert judge(scored(ones, ones)._replace(moved=3))[0] == "worse"


def test_a_gain_within_luck_is_not_called_better() -> None:
    rng = np.random.default_rng(3)
    persistence = rng.exponential(1, 200)
    assert judge(scored(persistence + rng.normal(-0.02, 1, 200).clip(-0.9, 0.88), persistence))[0] in {"luck", "worse"}
    assert judge(Score("2024-03-01", 100, 0.99, 1.0, 0.01, 1.0, 0.9))[0] == "luck"


def test_a_steady_gain_is_called_better() -> None:
    persistence = np.random.default_rng(3).exponential(1, 200)
    assert judge(scored(persistence * 0.8, persistence))[0] == "better"


def test_the_page_gets_the_numbers_and_the_words() -> None:
    score = symbol_score([Score("2024-03-01", 100, 1.1, 1.0, -0.1, 1.0, 0.9)])
    assert (score.n, score.verdict, score.coverage_90) == (100, "worse", 0.9)
    assert score.skill == pytest.approx(-0.1)


def test_each_session_has_a_score_and_all_together_have_one() -> None:
    today, yesterday = (
        Score(f"2024-03-0{day}", 100, mae, 1.0, 1.0 - mae, 0.1, 0.9) for day, mae in ((5, 1.1), (4, 0.5))
    )
    score = symbol_score([today, yesterday])
    assert [each.session for each in score.sessions] == ["2024-03-05", "2024-03-04"]
    assert score.together.skill == pytest.approx(0.2)
    assert score.sentence == "In this session the model is no better than the last price."
    assert score.together.sentence == "In the last 2 sessions the model comes closer than the last price."


def scored_pairs(pairs: list[tuple[float, float]], session: str = "2024-03-01") -> Score:
    """Score errors of model and last price at once."""
    model, last = np.array(pairs).T
    gain, right = last - model, float((model < last).mean())
    return Score(session, len(pairs), model.mean(), last.mean(), gain.mean(), gain.std(ddof=1), right, direction=right)


@given(st.lists(ERRORS, min_size=1, max_size=5))
def test_sessions_together_are_what_all_their_forecasts_are_at_once(sessions: list[list[tuple[float, float]]]) -> None:
    at_once = scored_pairs([pair for pairs in sessions for pair in pairs])
    together = pool([scored_pairs(pairs) for pairs in sessions])
    assert together[1:7] == pytest.approx(at_once[1:7])


def test_directions_are_weighed_by_what_moved() -> None:
    few, many = (scored_pairs([(1.0, 1.0)] * 2)._replace(direction=d, moved=n) for d, n in ((1.0, 1), (0.5, 3)))
    assert (pool([few, many]).direction, pool([few, many]).moved) == (0.625, 4)


def test_a_session_without_scores_adds_nothing() -> None:
    nothing = Score("2024-03-05", 0, None, None, None, None, None)
    assert pool([nothing, scored_pairs([(1.0, 2.0)] * 3)])[:3] == ("2024-03-05", 3, 1.0)
    assert pool([nothing]) == nothing


def test_a_gain_beyond_any_market_is_pooled_without_an_error() -> None:
    absurd = Score("2024-03-05", 1, 1e200, 1e200, 1e200, None, 1.0)
    usual = Score("2024-03-04", 3, 1.0, 2.0, 1.0, 0.5, 1.0)
    assert pool([absurd, usual]).gain_deviation == float("inf")
