"""Judge forecasts: walk-forward folds, metrics against persistence, evidence, and which candidate becomes champion."""

from stock_ml.evaluate.decision import PERSISTENCE, Bar, Decision, decide
from stock_ml.evaluate.folds import Fold, folds, known_at, refit
from stock_ml.evaluate.metrics import metrics, session_losses, walked_coverage

__all__ = [
    "PERSISTENCE",
    "Bar",
    "Decision",
    "Fold",
    "decide",
    "folds",
    "known_at",
    "metrics",
    "refit",
    "session_losses",
    "walked_coverage",
]
