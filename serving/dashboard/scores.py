"""Compare the model with the last price over one session and several, and say the result in plain words."""

from collections.abc import Sequence
from math import sqrt
from typing import Literal

from msgspec import structs

from serving.dashboard.responses import PooledScore, SessionScore, SymbolScore
from stock_ml.adapters.postgres.reader import Score

ENOUGH = 30  # forecasts; below it the mean error is too uncertain
CHANCE = 2.0  # standard errors; a gain nearer to zero than this may well be luck
MEANS = ("mae_model", "mae_persistence", "gain", "coverage_90", "coverage_50", "mae_bp")
Verdict = Literal["none", "early", "same", "worse", "luck", "better"]


def symbol_score(scores: Sequence[Score]) -> SymbolScore:
    """Return what the page shows of the newest session, of each one (newest first), and of all of them together."""
    verdict, sentence = judge(scores[0])
    pooled = pool(scores)
    _, of_all = judge(pooled, f"In the last {len(scores)} sessions" if len(scores) > 1 else "In this session")
    return SymbolScore(
        **structs.asdict(session_score(scores[0])),
        verdict=verdict,
        sentence=sentence,
        sessions=[session_score(score) for score in scores],
        together=PooledScore(**structs.asdict(session_score(pooled)), sentence=of_all),
    )


def session_score(score: Score) -> SessionScore:
    """Return a score with its skill."""
    numbers = score._asdict()
    return SessionScore(n=numbers.pop("counted"), skill=skill(score), **numbers)


def skill(score: Score) -> float | None:
    """Return 1 - MAE of the model / MAE of persistence, None where there is nothing to compare."""
    if score.mae_model is None or not score.mae_persistence:
        return None
    return 1 - score.mae_model / score.mae_persistence


def judge(score: Score, when: str = "In this session") -> tuple[Verdict, str]:
    """Return one word for colours and one sentence for people."""
    value = skill(score)
    if value is None:
        return "none", "No forecast of this session has been scored yet."
    if score.counted < ENOUGH:
        return "early", f"Too early to tell: {score.counted} forecasts scored, {ENOUGH} are needed."
    if _is_persistence(score):
        return "same", f"{when} the last price itself was the forecast: no model was better."
    if value <= 0:
        return "worse", f"{when} the model is no better than the last price."
    if _may_be_luck(score):
        return "luck", "Ahead of the last price, but by no more than luck would give."
    return "better", f"{when} the model comes closer than the last price."


def pool(scores: Sequence[Score]) -> Score:
    """Return one score over the forecasts of all; its session is the newest one's, the first."""
    scored = [score for score in scores if score.counted]
    if not scored:
        return scores[0]
    means = {name: _mean([(getattr(score, name), score.counted) for score in scored]) for name in MEANS}
    return scored[0]._replace(
        session=scores[0].session,
        counted=sum(score.counted for score in scored),
        gain_deviation=_deviation(scored, means["gain"]),
        direction=_mean([(score.direction, score.moved) for score in scored]),
        moved=sum(score.moved for score in scored),
        **means,
    )


def _is_persistence(score: Score) -> bool:
    """Say whether every forecast was the last price, as where persistence is champion."""
    return score.gain == 0 and score.gain_deviation == 0 and score.moved == 0


def _may_be_luck(score: Score) -> bool:
    if score.gain is None or score.gain_deviation is None:
        return True
    return score.gain < CHANCE * score.gain_deviation / sqrt(score.counted)


def _mean(parts: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in parts if value is not None and weight]
    weights = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weights if weights else None


def _deviation(scored: Sequence[Score], mean: float | None) -> float | None:
    """Return the sample standard deviation of all gains, from those of the parts: within and between them."""
    counted = sum(score.counted for score in scored)
    if mean is None or counted < 2:
        return None
    within = sum((score.counted - 1) * _square(score.gain_deviation or 0.0) for score in scored)
    between = sum(score.counted * _square((score.gain or 0.0) - mean) for score in scored)
    return sqrt((within + between) / (counted - 1))


def _square(number: float) -> float:
    return number * number  # `number**2` raises where this is infinite
