"""Measure the candidates on the same rows, decide which one serves, and build its scorer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.ticks import snap_to_tick, symbol_ticks
from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.metrics import half_widths, interval_metrics, metrics, session_losses, walk_forward_half_widths
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold
from stock_ml.evaluation.training_result import Report
from stock_ml.evaluation.unused_sessions import Incumbent, SessionLosses, decide_on_unused
from stock_ml.model import scorer
from stock_ml.model.conformal import LEVELS, Calibration, calibrate
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.scorer import Scorer
from stock_ml.training.walk_forward import WalkForwardResult

HALF_WIDTHS, FALLBACK = [f"half_{level}" for level in LEVELS], "fallback"  # columns


def kinds(result: WalkForwardResult) -> tuple[str, ...]:
    """Return the candidates: persistence, always there, and every recipe that was fitted."""
    return (PERSISTENCE, *result.fits)


def metrics_report(result: WalkForwardResult) -> Report:
    """Return the metrics of each candidate in walk-forward and on the held-out sessions, as `walk_forward/linear`."""
    report: Report = {}
    for kind in kinds(result):
        report[f"walk_forward/{kind}"] = _metrics(_with_half_widths(result, kind), kind)
        if len(result.test):
            half = half_widths(_calibration(result.predictions, kind), *_conditions(result.test))
            report[f"test/{kind}"] = _metrics(result.test.assign(**dict(zip(HALF_WIDTHS, half, strict=True))), kind)
    return report


def fold_table(result: WalkForwardResult) -> pd.DataFrame:
    """Return the metrics of each candidate by fold and symbol; over all folds or symbols, these are then "all"."""
    rows: list[dict[str, object]] = []
    for kind in kinds(result):
        predictions = _with_half_widths(result, kind)
        for number, part in [*predictions.groupby("fold"), ("all", predictions)]:
            parts = {"all": part, **dict(iter(part.groupby("symbol")))}
            rows += [
                {"kind": kind, "fold": number, "symbol": symbol, **_metrics(one, kind)} for symbol, one in parts.items()
            ]
    return pd.DataFrame(rows)


def _with_half_widths(result: WalkForwardResult, kind: str) -> pd.DataFrame:
    """Return the out-of-sample rows with HALF_WIDTHS, and with FALLBACK where the last price was served."""
    frame, sets = result.predictions, result.fallbacks.get(kind)
    fallback = np.full(len(frame), kind == PERSISTENCE) if sets is None else fallback_mask(frame, sets)
    half = walk_forward_half_widths(_errors(frame, kind), *_conditions(frame), frame["fold"].to_numpy())
    return frame.assign(**{FALLBACK: fallback}, **dict(zip(HALF_WIDTHS, half, strict=True)))


def fallback_mask(frame: pd.DataFrame, sets: Sequence[Sequence[str]]) -> np.ndarray:
    """Return which rows fall back to the last price, (n,), by the set of symbols of each row's fold."""
    mask = np.zeros(len(frame), dtype=bool)
    for fold in frame["fold"].unique():
        mask |= ((frame["fold"] == fold) & frame["symbol"].isin(sets[fold])).to_numpy()
    return mask


def decide(result: WalkForwardResult, incumbent: Incumbent, threshold: PromotionThreshold) -> Decision:
    """Return who becomes champion: chosen on earlier sessions, confirmed on later ones that no decision used yet.

    The first decision confirms on the later half of the folds, where that is short on MIN_TEST_SESSIONS sessions.
    """
    predictions = complete_sessions(result.predictions)
    losses = {kind: session_losses(predictions, predicted(predictions, kind)).to_numpy() for kind in kinds(result)}
    newer = predictions["fold"] >= (result.predictions["fold"].max() + 1) // 2
    sessions = predictions.assign(newer=newer).groupby("session").agg({"bar_ts": ["min", "max"], "newer": "all"})
    first, last, newer = (sessions[column].to_numpy() for column in sessions.columns)
    newer[max(len(newer) - MIN_TEST_SESSIONS, 1) :] = True  # not the first: something must be left to choose on
    return decide_on_unused(SessionLosses(first, last + MINUTE, newer, losses), incumbent, threshold)


def complete_sessions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without those of a session that has hardly begun: as one number among few it is mostly noise."""
    rows = predictions.groupby("session")["target"].transform("size")
    whole: pd.DataFrame = predictions[rows >= rows.max() / 2]
    return whole


def build_scorer(kind: str, result: WalkForwardResult, schema: FeatureSchema) -> Scorer:
    """Return the candidate's scorer, its intervals from its own walk-forward errors."""
    calibration = _calibration(result.predictions, kind)
    if kind == PERSISTENCE:
        return scorer.persistence(calibration, schema, result.end)
    coefficients, intercept, trees = result.fits[kind]
    fixed = (calibration.quantiles, schema, result.end, calibration.profile, trees, fallback_symbols(result, kind))
    return Scorer(kind, coefficients, intercept, *fixed, symbol_ticks(result.predictions))  # type: ignore[arg-type]  # one of RECIPES


def fallback_symbols(result: WalkForwardResult, kind: str) -> tuple[str, ...]:
    """Return the symbols that a candidate's next forecasts leave at the last price."""
    return result.fallbacks[kind][-1] if kind in result.fallbacks else ()


def predicted(frame: pd.DataFrame, kind: str) -> np.ndarray:
    """Return a candidate's forecasts as log returns to prices on the tick grid, as they are served, (n,)."""
    if kind == PERSISTENCE:
        return np.zeros(len(frame))
    last = frame["last_close"].to_numpy(np.float64)
    price = snap_to_tick(last, last * np.exp(frame[kind].to_numpy(np.float64)), frame["tick"].to_numpy(np.float64))
    on_grid: np.ndarray = np.log(price / last)
    return on_grid


def _errors(frame: pd.DataFrame, kind: str) -> np.ndarray:
    """Return the errors that intervals are made of: around the forecast before it is moved onto the grid."""
    raw = 0.0 if kind == PERSISTENCE else frame[kind].to_numpy(np.float64)
    errors: np.ndarray = frame["target"].to_numpy(np.float64) - raw
    return errors


def _metrics(frame: pd.DataFrame, kind: str) -> dict[str, float]:
    """Return the metrics of rows; `frame` has HALF_WIDTHS, and in walk-forward FALLBACK."""
    price = metrics(frame["last_close"].to_numpy(), frame["target"].to_numpy(), predicted(frame, kind))
    measured = price | interval_metrics(_errors(frame, kind), frame[HALF_WIDTHS].to_numpy().T)
    return measured | ({"last_price": float(frame[FALLBACK].mean())} if FALLBACK in frame else {})


def _calibration(predictions: pd.DataFrame, kind: str) -> Calibration:
    return calibrate(_errors(predictions, kind), *_conditions(predictions))


def _conditions(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return what an error's size depends on: the window's volatility, and the time of the session."""
    return frame["volatility"].to_numpy(), frame["elapsed"].to_numpy()
