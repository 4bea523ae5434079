"""Symbols are served the last price in walk-forward by what earlier folds say, and later by all of them."""

import numpy as np
import pandas as pd

from stock_ml.evaluation.folds import FOREVER, Fold
from stock_ml.evaluation.promotion import PromotionThreshold
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model.features import FEATURES, schema
from stock_ml.model.parameters import Parameters
from stock_ml.training.metrics_report import (
    build_scorer,
    decide,
    fallback_symbols,
    fold_table,
    metrics_report,
    predicted,
)
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.walk_forward import WalkForwardResult

RNG = np.random.default_rng(12)
FOLDS, SESSIONS, MINUTES, START = 4, 3, 120, 1_709_562_600
ERROR = {"GOOD": 2e-4, "FINE": 4e-4, "POOR": 3e-3}  # of the forecast, where a minute moves by 1e-3


def of_symbol(symbol: str, fold: int, session: int, error: float) -> pd.DataFrame:
    target = RNG.normal(0, 1e-3, MINUTES)
    day = fold * SESSIONS + session
    rows = {"bar_ts": START + 86_400 * day + 60 * np.arange(MINUTES), "target": target}
    rows |= {"elapsed": np.arange(MINUTES) / MINUTES}
    rows |= {"linear": target + RNG.normal(0, error, MINUTES), "fold": fold, "session": f"2024-03-{day + 1:02}"}
    return pd.DataFrame(rows).assign(symbol=symbol, last_close=100.0, tick=0.0, volatility=1e-3)


def market(folds: range, **error: float) -> pd.DataFrame:
    parts = [of_symbol(name, f, s, e) for f in folds for s in range(SESSIONS) for name, e in error.items()]
    return pd.concat(parts, ignore_index=True)


def result_of(predictions: pd.DataFrame) -> WalkForwardResult:
    test = market(range(4, 5), **ERROR).drop(columns="fold")
    fits, end = {"linear": Parameters((0.0,) * len(FEATURES), 0.0)}, START + 86_400 * 30
    return WalkForwardResult(fits, predictions, test, pd.DataFrame(), end, Fold(0, end, FOREVER))


def test_a_symbol_whose_forecasts_are_worse_is_left_at_its_last_price_from_the_second_fold_on() -> None:
    given = result_of(market(range(FOLDS), **ERROR))
    found = with_symbol_fallback(given, {})
    assert found.fallbacks == {"linear": ((), *[("POOR",)] * FOLDS)}
    still = (found.predictions["symbol"] == "POOR") & (found.predictions["fold"] > 0)
    assert (predicted(found.predictions, "linear")[still] == 0).all()
    assert found.predictions["linear"][~still].equals(given.predictions["linear"][~still])
    poor = found.test["symbol"] == "POOR"
    assert (found.test["linear"] == 0).tolist() == poor.tolist()


def test_no_later_fold_changes_what_an_earlier_one_was_served() -> None:
    whole = market(range(FOLDS), **ERROR)
    later = whole["fold"] == FOLDS - 1
    other = whole.assign(linear=whole["linear"].where(~later, 1.0))
    first, second = (
        with_symbol_fallback(result_of(frame), {}).predictions[~later]["linear"] for frame in (whole, other)
    )
    assert first.equals(second)


def test_what_is_decided_reported_and_made_is_what_is_served() -> None:
    found = with_symbol_fallback(result_of(market(range(FOLDS), **ERROR)), {})
    assert (
        metrics_report(found)["walk_forward/linear"]["skill"]
        > metrics_report(result_of(found.predictions))["walk_forward/persistence"]["skill"]
    )
    assert fallback_symbols(found, "linear") == ("POOR",)
    assert build_scorer("persistence", found, schema(30, 1)).last_price == ()
    assert decide(found, Incumbent("persistence"), PromotionThreshold(0.05, 0.01)).kind == "linear"
    table = fold_table(found).set_index(["kind", "fold", "symbol"])["last_price"]
    assert (table["linear", 0, "POOR"], table["linear", 1, "POOR"], table["linear", 1, "GOOD"]) == (0.0, 1.0, 0.0)
    assert table["linear", 2, "all"] * 3 == 1
    assert table["persistence", 0, "all"] == 1


def test_a_symbol_that_appears_in_the_last_fold_does_as_the_others_at_first() -> None:
    late = pd.concat([market(range(FOLDS), GOOD=2e-4, FINE=4e-4), market(range(3, FOLDS), NEW=2e-4)], ignore_index=True)
    assert with_symbol_fallback(result_of(late), {}).fallbacks["linear"] == ((),) * (FOLDS + 1)


def test_one_symbol_alone_is_judged_by_its_own_sessions() -> None:
    assert (
        with_symbol_fallback(result_of(market(range(FOLDS), ONE=3e-3)), {}).fallbacks["linear"][1:]
        == (("ONE",),) * FOLDS
    )
    assert with_symbol_fallback(result_of(market(range(FOLDS), ONE=2e-4)), {}).fallbacks["linear"][1:] == ((),) * FOLDS


def test_constant_prices_are_no_evidence() -> None:
    flat = market(range(FOLDS), FLAT=1e-4).assign(target=0.0, linear=0.0)
    assert with_symbol_fallback(result_of(flat), {"FLAT": True}).fallbacks["linear"][-1] == ("FLAT",)
    assert with_symbol_fallback(result_of(flat), {}).fallbacks["linear"][-1] == ()
