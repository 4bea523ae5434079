"""Measure the candidates on the same rows, decide who serves, and make its scorer."""

from typing import Any

import numpy as np
import pandas as pd

from stock_ml import evaluation
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.ticks import snapped
from stock_ml.errors import ParityError
from stock_ml.evaluation import PERSISTENCE, Before, Decision, PromotionThreshold, Walked
from stock_ml.model import scorer
from stock_ml.model.conformal import LEVELS, Calibration, calibrate
from stock_ml.model.scorer import Scorer
from stock_ml.training import spark_models
from stock_ml.training.walk_forward import Judged

TOLERANCE = 1e-9
HALVES, STILL = [f"half_{level}" for level in LEVELS], "still"  # columns
Report = dict[str, dict[str, float]]


def kinds(judged: Judged) -> tuple[str, ...]:
    """Return the candidates: persistence, always there, and every recipe that was fitted."""
    return (PERSISTENCE, *judged.models)


def measure(judged: Judged) -> Report:
    """Return the metrics of each candidate in walk-forward and on the held-out sessions, as `walk_forward/linear`."""
    report: Report = {}
    for kind in kinds(judged):
        report[f"walk_forward/{kind}"] = _metrics(_walked(judged, kind), kind)
        if len(judged.test):
            half = evaluation.halves(_calibrated(judged.walked, kind), *_conditions(judged.test))
            report[f"test/{kind}"] = _metrics(judged.test.assign(**dict(zip(HALVES, half, strict=True))), kind)
    return report


def fold_table(judged: Judged) -> pd.DataFrame:
    """Return the metrics of each candidate by fold and symbol; over all folds or symbols, these are then "all"."""
    rows: list[dict[str, Any]] = []
    for kind in kinds(judged):
        walked = _walked(judged, kind)
        for number, part in [*walked.groupby("fold"), ("all", walked)]:
            parts = {"all": part, **dict(iter(part.groupby("symbol")))}
            rows += [
                {"kind": kind, "fold": number, "symbol": symbol, **_metrics(one, kind)} for symbol, one in parts.items()
            ]
    return pd.DataFrame(rows)


def _walked(judged: Judged, kind: str) -> pd.DataFrame:
    """Return the rows of walk-forward with HALVES, and with STILL where the last price was served."""
    walked = judged.walked
    half = evaluation.walked_halves(_errors(walked, kind), *_conditions(walked), walked["fold"].to_numpy())
    return walked.assign(**{STILL: _still(judged, kind)}, **dict(zip(HALVES, half, strict=True)))


def _still(judged: Judged, kind: str) -> np.ndarray:
    walked = judged.walked
    sets = judged.last_price.get(kind, ((),) * (int(walked["fold"].max()) + 1))
    still = np.full(len(walked), kind == PERSISTENCE)
    for fold, symbols in enumerate(sets[: int(walked["fold"].max()) + 1]):
        still |= ((walked["fold"] == fold) & walked["symbol"].isin(symbols)).to_numpy()
    return still


def decide(judged: Judged, before: Before, threshold: PromotionThreshold) -> Decision:
    """Return who becomes champion: chosen on earlier sessions, confirmed on later ones that no decision used yet.

    The first decision confirms on the later half of the folds, where that is short on FEWEST sessions.
    """
    walked = whole_sessions(judged.walked)
    losses = {kind: evaluation.session_losses(walked, predicted(walked, kind)).to_numpy() for kind in kinds(judged)}
    newer = walked["fold"] >= (judged.walked["fold"].max() + 1) // 2
    sessions = walked.assign(newer=newer).groupby("session").agg({"bar_ts": ["min", "max"], "newer": "all"})
    first, last, newer = (sessions[column].to_numpy() for column in sessions.columns)
    newer[max(len(newer) - evaluation.FEWEST, 1) :] = True  # not the first: something must be left to choose on
    return evaluation.decide_on_unused(Walked(first, last + MINUTE, newer, losses), before, threshold)


def whole_sessions(walked: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without those of a session that has hardly begun: as one number among few it is mostly noise."""
    rows = walked.groupby("session")["target"].transform("size")
    whole: pd.DataFrame = walked[rows >= rows.max() / 2]
    return whole


def build(kind: str, judged: Judged, schema: dict[str, Any]) -> Scorer:
    """Return the candidate's scorer, its intervals from its own walk-forward errors."""
    made_of = _calibrated(judged.walked, kind)
    if kind == PERSISTENCE:
        return scorer.persistence(made_of, schema, judged.end)
    coefficients, intercept, trees = spark_models.parameters(judged.models[kind])
    fixed = (made_of.quantiles, schema, judged.end, made_of.profile, trees, last_price(judged, kind))
    return Scorer(kind, coefficients, intercept, *fixed)  # type: ignore[arg-type]  # one of RECIPES


def last_price(judged: Judged, kind: str) -> tuple[str, ...]:
    """Return the symbols that a candidate's next forecasts leave at the last price."""
    return judged.last_price[kind][-1] if kind in judged.last_price else ()


def check_parity(scorer: Scorer, sample: pd.DataFrame) -> None:
    """Raise ParityError unless the scorer equals Spark's own forecasts of `sample` within TOLERANCE."""
    symbols = sample["symbol"].to_numpy(str)
    light = scorer.predict(sample[scorer.schema["names"]].to_numpy(np.float64), symbols).log_return
    apart = np.abs(light - sample[spark_models.PREDICTED].to_numpy())
    if not (apart <= TOLERANCE).all():
        raise ParityError(
            f"the light scorer is up to {apart.max():.1e} away from Spark's own forecasts on {len(sample)} rows, "
            f"{TOLERANCE} is allowed: nothing was registered"
        )


def predicted(frame: pd.DataFrame, kind: str) -> np.ndarray:
    """Return a candidate's forecasts as log returns to prices on the tick grid, as they are served, (n,)."""
    if kind == PERSISTENCE:
        return np.zeros(len(frame))
    last = frame["last_close"].to_numpy(np.float64)
    on_grid: np.ndarray = np.log(snapped(last, last * np.exp(frame[kind].to_numpy(np.float64))) / last)
    return on_grid


def _errors(frame: pd.DataFrame, kind: str) -> np.ndarray:
    """Return the errors that intervals are made of: around the forecast before it is moved onto the grid."""
    raw = 0.0 if kind == PERSISTENCE else frame[kind].to_numpy(np.float64)
    errors: np.ndarray = frame["target"].to_numpy(np.float64) - raw
    return errors


def _metrics(frame: pd.DataFrame, kind: str) -> dict[str, float]:
    """Return what a report tells of rows; `frame` has HALVES, and in walk-forward STILL."""
    price = evaluation.metrics(frame["last_close"].to_numpy(), frame["target"].to_numpy(), predicted(frame, kind))
    found = price | evaluation.interval_metrics(_errors(frame, kind), frame[HALVES].to_numpy().T)
    return found | ({"last_price": float(frame[STILL].mean())} if STILL in frame else {})


def _calibrated(walked: pd.DataFrame, kind: str) -> Calibration:
    return calibrate(_errors(walked, kind), *_conditions(walked))


def _conditions(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return what the size of an error depends on: the window's volatility, and the time of the session."""
    return frame["volatility"].to_numpy(), frame["elapsed"].to_numpy()
