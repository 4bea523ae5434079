"""Say in plain words whether the model beats the last price."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from serving.dashboard.pooled_scores import pool
from stock_ml.adapters.postgres.reader import Score

ENOUGH = 30  # forecasts; below it the mean error says little
CHANCE = 2.0  # standard errors; a gain nearer to zero than this may well be luck


def score_state(scores: Sequence[Score]) -> dict[str, Any]:
    """Return what the page shows of the newest session, of each one (newest first), and of all of them together.

    `skill` is 1 - MAE of the model / MAE of persistence.
    """
    verdict, sentence = judge(scores[0])
    together = pool(scores)
    _, of_all = judge(together, f"In the last {len(scores)} sessions" if len(scores) > 1 else "In this session")
    return _told(scores[0]) | {
        "verdict": verdict,
        "sentence": sentence,
        "sessions": [_told(score) for score in scores],
        "together": _told(together) | {"sentence": of_all},
    }


def _told(score: Score) -> dict[str, Any]:
    numbers = score._asdict()
    numbers["n"] = numbers.pop("counted")
    return numbers | {"skill": skill(score)}


def skill(score: Score) -> float | None:
    """Return the skill against persistence, None where there is nothing to compare."""
    if score.mae_model is None or not score.mae_persistence:
        return None
    return 1 - score.mae_model / score.mae_persistence


def judge(score: Score, when: str = "In this session") -> tuple[str, str]:
    """Return one word for colours and one sentence for people."""
    value = skill(score)
    if value is None:
        return "none", "No forecast of this session has been scored yet."
    if score.counted < ENOUGH:
        return "early", f"Too early to tell: {score.counted} forecasts scored, {ENOUGH} are needed."
    if _never_differs(score):
        return "same", f"{when} the last price itself was the forecast: no model was better."
    if value <= 0:
        return "worse", f"{when} the model is no better than the last price."
    if _may_be_luck(score):
        return "luck", "Ahead of the last price, but by no more than luck would give."
    return "better", f"{when} the model comes closer than the last price."


def _never_differs(score: Score) -> bool:
    """Say whether every forecast was the last price, as where persistence is champion."""
    return score.gain == 0 and score.gain_deviation == 0 and score.moved == 0


def _may_be_luck(score: Score) -> bool:
    if score.gain is None or score.gain_deviation is None:
        return True
    return score.gain < CHANCE * score.gain_deviation / sqrt(score.counted)
