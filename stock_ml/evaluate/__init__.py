"""Judge forecasts: walk-forward folds, metrics against persistence, evidence, and which candidate becomes champion."""

from stock_ml.evaluate.decision import PERSISTENCE, Bar, Decision, decide
from stock_ml.evaluate.folds import Fold, folds, known_at, refit
from stock_ml.evaluate.metrics import metrics, session_losses, walked_coverage
from stock_ml.evaluate.shrinkage import last_price
from stock_ml.evaluate.unused import Before, Walked, decide_on_unused

__all__ = [
    "PERSISTENCE",
    "Bar",
    "Before",
    "Decision",
    "Fold",
    "Walked",
    "decide",
    "decide_on_unused",
    "folds",
    "known_at",
    "last_price",
    "metrics",
    "refit",
    "session_losses",
    "walked_coverage",
]
