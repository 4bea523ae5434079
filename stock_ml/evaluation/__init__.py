"""Judge forecasts: walk-forward folds, metrics against persistence, evidence, and which candidate becomes champion."""

from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.folds import REGIME_SESSIONS, Fold, folds, in_evaluation, in_training, known_at, refit
from stock_ml.evaluation.metrics import half_widths, interval_metrics, metrics, session_losses, walk_forward_half_widths
from stock_ml.evaluation.promotion import PERSISTENCE, Decision, PromotionThreshold, decide
from stock_ml.evaluation.regime_change import alert_session, history_start, latest_regime_change
from stock_ml.evaluation.symbol_shrinkage import fallback_symbols
from stock_ml.evaluation.unused_sessions import Incumbent, SessionLosses, decide_on_unused

__all__ = [
    "MIN_TEST_SESSIONS",
    "PERSISTENCE",
    "REGIME_SESSIONS",
    "Decision",
    "Fold",
    "Incumbent",
    "PromotionThreshold",
    "SessionLosses",
    "alert_session",
    "decide",
    "decide_on_unused",
    "fallback_symbols",
    "folds",
    "half_widths",
    "history_start",
    "in_evaluation",
    "in_training",
    "interval_metrics",
    "known_at",
    "latest_regime_change",
    "metrics",
    "refit",
    "session_losses",
    "walk_forward_half_widths",
]
