"""Put the scores of several sessions together, as if all their forecasts had been scored at once."""

from collections.abc import Sequence
from math import sqrt

from stock_ml.adapters.postgres.reader import Score

MEANS = ("mae_model", "mae_persistence", "gain", "coverage_90", "coverage_50", "mae_bp")


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
