"""Judge forecasts: walk-forward folds, metrics against persistence, evidence, and which candidate becomes champion."""

from stock_ml.evaluation.diebold_mariano import FEWEST
from stock_ml.evaluation.folds import ENOUGH, Fold, ahead, folds, known_at, refit, training
from stock_ml.evaluation.metrics import halves, interval_metrics, metrics, session_losses, walked_halves
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold, decide
from stock_ml.evaluation.regime_change import alarmed, begins, latest_change
from stock_ml.evaluation.symbol_shrinkage import last_price
from stock_ml.evaluation.unused_sessions import Before, Walked, decide_on_unused

__all__ = [
    "ENOUGH",
    "FEWEST",
    "PERSISTENCE",
    "Before",
    "Decision",
    "Fold",
    "PromotionThreshold",
    "Walked",
    "ahead",
    "alarmed",
    "begins",
    "decide",
    "decide_on_unused",
    "folds",
    "halves",
    "interval_metrics",
    "known_at",
    "last_price",
    "latest_change",
    "metrics",
    "refit",
    "session_losses",
    "training",
    "walked_halves",
]
