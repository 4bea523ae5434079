"""Symbols are served the last price in walk-forward by what earlier folds say, and later by all of them."""

import numpy as np
import pandas as pd

from stock_ml.evaluation.judging import HELD_OUT
from stock_ml.evaluation.promotion import PERSISTENCE, PromotionThreshold
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model.features import schema
from stock_ml.training.metrics_report import build_scorer, decide, fallback_symbols, fold_table, metrics_report
from stock_ml.training.symbol_fallback import with_symbol_fallback
from stock_ml.training.walk_forward import WalkForwardResult, judge_intervals
from tests.judged import judged

RNG = np.random.default_rng(12)
FOLDS, SESSIONS, MINUTES, START = 4, 3, 120, 1_709_562_600
ERROR = {"GOOD": 2e-4, "FINE": 4e-4, "POOR": 3e-3}  # of the forecast, where a minute moves by 1e-3


def of_symbol(symbol: str, fold: int, session: int, error: float) -> pd.DataFrame:
    target = RNG.normal(0, 1e-3, MINUTES)
    day = fold * SESSIONS + session
    rows = {"bar_ts": START + 86_400 * day + 60 * np.arange(MINUTES), "target": target}
    rows |= {"elapsed": np.arange(MINUTES) / MINUTES}
    rows |= {"linear": target + RNG.normal(0, error, MINUTES), "fold": fold, "session": f"2024-03-{day + 1:02}"}
    return pd.DataFrame(rows).assign(symbol=symbol, last_close=100.0, volatility=1e-3)


def market(folds: range, **error: float) -> pd.DataFrame:
    parts = [of_symbol(name, f, s, e) for f in folds for s in range(SESSIONS) for name, e in error.items()]
    return pd.concat(parts, ignore_index=True)


END = START + 86_400 * FOLDS * SESSIONS
HELD = market(range(FOLDS, FOLDS + 1), **ERROR).drop(columns="fold")


def result_of(predictions: pd.DataFrame) -> WalkForwardResult:
    return judged(predictions, HELD, END)


def losses_of(result: WalkForwardResult, kind: str, symbols: set[str]) -> pd.DataFrame:
    """Return the sums of a kind and of symbols, by fold and session, without its name."""
    sums = result.losses
    own = sums[(sums["kind"] == kind) & sums["symbol"].isin(list(symbols))]
    ordered = own.drop(columns=["kind", "last_price"]).sort_values(["fold", "session", "symbol"], ignore_index=True)
    return ordered


def test_a_symbol_whose_forecasts_are_worse_is_left_at_its_last_price_from_the_second_fold_on() -> None:
    given = result_of(market(range(FOLDS), **ERROR))
    found = with_symbol_fallback(given, {})
    assert found.fallbacks == {"linear": ((), *[("POOR",)] * FOLDS)}
    others, poor = losses_of(found, "linear", {"GOOD", "FINE"}), losses_of(found, "linear", {"POOR"})
    pd.testing.assert_frame_equal(others, losses_of(given, "linear", {"GOOD", "FINE"}))
    first = poor["fold"] == 0
    pd.testing.assert_frame_equal(poor[first], losses_of(given, "linear", {"POOR"})[first])
    pd.testing.assert_frame_equal(poor[~first], losses_of(given, "persistence", {"POOR"})[~first])
    assert set(poor["fold"]) == {*range(FOLDS), HELD_OUT}


def test_no_later_fold_changes_what_an_earlier_one_was_served() -> None:
    whole = market(range(FOLDS), **ERROR)
    other = whole.assign(linear=whole["linear"].where(whole["fold"] != FOLDS - 1, 1.0))
    first, second = (with_symbol_fallback(result_of(frame), {}).losses for frame in (whole, other))
    of_first, of_second = (sums[sums["fold"].between(0, FOLDS - 2)] for sums in (first, second))
    pd.testing.assert_frame_equal(of_first, of_second)


def test_what_is_decided_reported_and_made_is_what_is_served() -> None:
    predictions = market(range(FOLDS), **ERROR)
    raw = result_of(predictions)
    found = judge_intervals(with_symbol_fallback(raw, {}))
    served, persistence = (metrics_report(found)[f"walk_forward/{kind}"]["skill"] for kind in ("linear", PERSISTENCE))
    whole = metrics_report(judge_intervals(raw))["walk_forward/linear"]["skill"]
    assert served > max(whole, persistence)
    assert fallback_symbols(found, "linear") == ("POOR",)
    assert build_scorer("persistence", found, schema(30, 1)).last_price == ()
    assert decide(found, Incumbent("persistence"), PromotionThreshold(0.05, 0.01)).kind == "linear"
    table = fold_table(found).set_index(["kind", "fold", "symbol"])["last_price"]
    assert (table["linear", 0, "POOR"], table["linear", 1, "POOR"], table["linear", 1, "GOOD"]) == (0.0, 1.0, 0.0)
    assert table["linear", 2, "all"] * 3 == 1
    assert table["persistence", 0, "all"] == 1


def test_the_intervals_of_a_symbol_at_its_last_price_are_of_its_own_moves() -> None:
    predictions = market(range(FOLDS), **ERROR)
    alone = predictions[predictions["symbol"] == "POOR"]
    held = HELD[HELD["symbol"] == "POOR"]
    found = judge_intervals(with_symbol_fallback(judged(alone, held, END), {}))
    sums = found.intervals.set_index(["kind", "fold"])
    own, last_price = (sums.loc[kind].loc[HELD_OUT] for kind in ("linear", PERSISTENCE))
    assert own["judged"].sum() == last_price["judged"].sum() == len(held)
    assert own["inside_90"].sum() / len(held) > 0.85


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
