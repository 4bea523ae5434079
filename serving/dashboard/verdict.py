"""Say in plain words whether the model beats the last price."""

from math import sqrt
from typing import Any

from stock_ml.adapters.forecast_reader import Score

ENOUGH = 30  # forecasts; below it the mean error says little
CHANCE = 2.0  # standard errors; a gain nearer to zero than this may well be luck


def score_state(score: Score) -> dict[str, Any]:
    """Return the session's score as the page shows it; `skill` is 1 - MAE of the model / MAE of persistence."""
    verdict, sentence = judge(score)
    numbers = score._asdict()
    numbers["n"] = numbers.pop("counted")
    return numbers | {"skill": skill(score), "verdict": verdict, "sentence": sentence}


def skill(score: Score) -> float | None:
    """Return the skill against persistence, None where there is nothing to compare."""
    if score.mae_model is None or not score.mae_persistence:
        return None
    return 1 - score.mae_model / score.mae_persistence


def judge(score: Score) -> tuple[str, str]:
    """Return one word for colours and one sentence for people."""
    value = skill(score)
    if value is None:
        return "none", "No forecast of this session has been scored yet."
    if score.counted < ENOUGH:
        return "early", f"Too early to tell: {score.counted} forecasts scored, {ENOUGH} are needed."
    if value <= 0:
        return "worse", "In this session the model is no better than the last price."
    if _may_be_luck(score):
        return "luck", "Ahead of the last price, but by no more than luck would give."
    return "better", "In this session the model comes closer than the last price."


def _may_be_luck(score: Score) -> bool:
    if score.gain is None or score.gain_deviation is None:
        return True
    return score.gain < CHANCE * score.gain_deviation / sqrt(score.counted)
