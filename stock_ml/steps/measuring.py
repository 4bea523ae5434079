"""Measure the candidates on the same rows, and make the scorer of the one that is to serve."""

from typing import Any

import numpy as np
import pandas as pd

from stock_ml import evaluate, scorer, train
from stock_ml.errors import ParityError
from stock_ml.intervals import coverage, quantiles
from stock_ml.scorer import Scorer
from stock_ml.steps.judging import Judged

TOLERANCE = 1e-9
Report = dict[str, dict[str, float]]


def measure(judged: Judged) -> Report:
    """Return the metrics of each candidate in walk-forward and on the held-out sessions, as `walk_forward/linear`."""
    report: Report = {}
    for kind in evaluate.CANDIDATES:
        report[f"walk_forward/{kind}"] = _metrics(judged.walked, kind) | _walked_coverage(judged.walked, kind)
        if len(judged.test):
            widths = _widths(judged.walked, kind)
            covered = coverage(_errors(judged.test, kind), judged.test["volatility"].to_numpy(), widths)
            told = {f"coverage_{level}": share for level, share in covered.items()}
            report[f"test/{kind}"] = _metrics(judged.test, kind) | told
    return report


def best(report: Report) -> str:
    """Return the candidate that was nearest in walk-forward, in basis points: prices of several symbols do not mix."""
    return evaluate.best({kind: report[f"walk_forward/{kind}"]["mae_bp"] for kind in evaluate.CANDIDATES})


def build(kind: str, judged: Judged, schema: dict[str, Any]) -> Scorer:
    """Return the candidate's scorer, its intervals from its own walk-forward errors."""
    widths = _widths(judged.walked, kind)
    if kind == "persistence":
        return scorer.persistence(widths, schema, judged.end)
    coefficients, intercept = train.parameters(judged.model)
    return Scorer("linear", coefficients, intercept, widths, schema, judged.end)


def check_parity(scorer: Scorer, sample: pd.DataFrame) -> None:
    """Raise ParityError unless the scorer equals Spark's own forecasts of `sample` within TOLERANCE."""
    light = scorer.predict(sample[scorer.schema["names"]].to_numpy(np.float64)).log_return
    apart = np.abs(light - sample[train.PREDICTED].to_numpy())
    if not (apart <= TOLERANCE).all():
        raise ParityError(
            f"the light scorer is up to {apart.max():.1e} away from Spark's own forecasts on {len(sample)} rows, "
            f"{TOLERANCE} is allowed: nothing was registered"
        )


def _predicted(frame: pd.DataFrame, kind: str) -> np.ndarray:
    return np.zeros(len(frame)) if kind == "persistence" else frame[train.PREDICTED].to_numpy(np.float64)


def _errors(frame: pd.DataFrame, kind: str) -> np.ndarray:
    errors: np.ndarray = frame["target"].to_numpy(np.float64) - _predicted(frame, kind)
    return errors


def _metrics(frame: pd.DataFrame, kind: str) -> dict[str, float]:
    return evaluate.metrics(frame["last_close"].to_numpy(), frame["target"].to_numpy(), _predicted(frame, kind))


def _walked_coverage(walked: pd.DataFrame, kind: str) -> dict[str, float]:
    volatility = walked["volatility"].to_numpy()
    return evaluate.walked_coverage(_errors(walked, kind), volatility, walked["fold"].to_numpy())


def _widths(walked: pd.DataFrame, kind: str) -> dict[str, float]:
    return quantiles(_errors(walked, kind), walked["volatility"].to_numpy())
