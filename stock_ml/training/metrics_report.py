"""Measure the candidates on the same rows, decide which one serves, and build its scorer."""

import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.judging import HELD_OUT
from stock_ml.evaluation.metrics import INTERVALS, LOSSES, interval_metrics, metrics, session_losses
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold
from stock_ml.evaluation.training_result import Report
from stock_ml.evaluation.unused_sessions import Incumbent, SessionLosses, decide_on_unused
from stock_ml.model import scorer
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.scorer import Scorer
from stock_ml.training.walk_forward import WalkForwardResult

BY_ROW = ["fold", "session", "symbol", "kind"]


def metrics_report(result: WalkForwardResult) -> Report:
    """Return the metrics of each candidate in walk-forward and on the held-out sessions, as `walk_forward/linear`."""
    sums, report = _sums(result), Report()
    for kind in result.judge.kinds:
        own = sums[sums["kind"] == kind]
        held_out = own["fold"] == HELD_OUT
        report[f"walk_forward/{kind}"] = _metrics(own[~held_out])
        if held_out.any():
            found = _metrics(own[held_out])
            report[f"test/{kind}"] = {name: value for name, value in found.items() if name != "last_price"}
    return report


def fold_table(result: WalkForwardResult) -> pd.DataFrame:
    """Return the metrics of each candidate by fold and symbol; over all folds or symbols, these are then "all"."""
    sums, rows = _sums(result), []
    for kind in result.judge.kinds:
        own = sums[(sums["kind"] == kind) & (sums["fold"] != HELD_OUT)]
        for number, part in [*own.groupby("fold"), ("all", own)]:
            parts = {"all": part, **dict(iter(part.groupby("symbol")))}
            rows += [{"kind": kind, "fold": number, "symbol": symbol, **_metrics(one)} for symbol, one in parts.items()]
    return pd.DataFrame(rows)


def _sums(result: WalkForwardResult) -> pd.DataFrame:
    """Return all sums by fold, session, symbol and kind; those of intervals are 0 where there is none."""
    return result.losses.merge(result.intervals, how="left", on=BY_ROW).fillna(dict.fromkeys(INTERVALS, 0.0))


def _metrics(sums: pd.DataFrame) -> dict[str, float]:
    total = {name: float(sums[name].sum()) for name in (*LOSSES, *INTERVALS)}
    return metrics(total) | interval_metrics(total) | {"last_price": total["last_price"] / total["rows"]}


def decide(result: WalkForwardResult, incumbent: Incumbent, threshold: PromotionThreshold) -> Decision:
    """Return who becomes champion: chosen on earlier sessions, confirmed on later ones that no decision used yet.

    The first decision confirms on the later half of the folds, where that is short on MIN_TEST_SESSIONS sessions.
    """
    judged = result.losses[result.losses["fold"] != HELD_OUT]
    sums = complete_sessions(judged)
    losses = {kind: session_losses(sums[sums["kind"] == kind]).to_numpy() for kind in result.judge.kinds}
    sums = sums.assign(newer=sums["fold"] >= (judged["fold"].max() + 1) // 2)
    sessions = sums.groupby("session").agg({"first": "min", "last": "max", "newer": "all"})
    first, last, newer = (sessions[column].to_numpy() for column in sessions.columns)
    newer[max(len(newer) - MIN_TEST_SESSIONS, 1) :] = True  # not the first: something must be left to choose on
    return decide_on_unused(SessionLosses(first, last + MINUTE, newer, losses), incumbent, threshold)


def complete_sessions(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the sums without those of a session that has hardly begun: as one number among few it is mostly noise."""
    rows = sums[sums["kind"] == PERSISTENCE].groupby("session")["rows"].sum()
    whole: pd.DataFrame = sums[sums["session"].isin(rows.index[rows >= rows.max() / 2])]
    return whole


def build_scorer(kind: str, result: WalkForwardResult, schema: FeatureSchema) -> Scorer:
    """Return the candidate's scorer, its intervals from its own walk-forward errors."""
    calibration = result.calibrations[kind]
    if kind == PERSISTENCE:
        return scorer.persistence(calibration, schema, result.end)
    coefficients, intercept, trees = result.fits[kind]
    fixed = (calibration.quantiles, schema, result.end, calibration.profile, trees, fallback_symbols(result, kind))
    return Scorer(kind, coefficients, intercept, *fixed, dict(result.ticks))  # type: ignore[arg-type]  # one of RECIPES


def fallback_symbols(result: WalkForwardResult, kind: str) -> tuple[str, ...]:
    """Return the symbols that a candidate's next forecasts leave at the last price."""
    return result.fallbacks[kind][-1] if kind in result.fallbacks else ()
