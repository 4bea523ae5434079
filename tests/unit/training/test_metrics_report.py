import numpy as np
import pandas as pd
import pytest

from stock_ml.domain.calendar import Calendars
from stock_ml.evaluation.promotion import PromotionThreshold
from stock_ml.evaluation.unused_sessions import Incumbent
from stock_ml.model.features import schema
from stock_ml.training import plots
from stock_ml.training.metrics_report import build_scorer, decide, fold_table, metrics_report
from stock_ml.training.walk_forward import WalkForwardResult, judge_intervals
from tests.judged import judged

RNG = np.random.default_rng(4)
FOLDS = 12
END = 1709735400


def forecasts(rows: int, first: int, error: float) -> pd.DataFrame:
    target = RNG.normal(0, 1e-3, rows)
    return pd.DataFrame(
        {
            "symbol": np.resize(["AAPL", "GOOGL"], rows),
            "bar_ts": first + 60 * (np.arange(rows) // 2),
            "last_close": 100.0,
            "target": target,
            "volatility": 1e-3,
            "elapsed": (np.arange(rows) // 2 % 390 + 1) / 390,
            "linear": target + RNG.normal(0, error, rows),
            "fold": np.arange(rows) * FOLDS // rows,
        }
    ).assign(session=lambda frame: "2024-03-" + (4 + frame["fold"]).astype(str).str.zfill(2))


def result_of(error: float, test: int = 0) -> WalkForwardResult:
    """What two symbols' forecasts with errors of this deviation come to."""
    return of(forecasts(4800, 1709562600, error), forecasts(test, END, error))


def of(predictions: pd.DataFrame, test: pd.DataFrame, end: int = END) -> WalkForwardResult:
    return judge_intervals(judged(predictions, test, end))


@pytest.mark.parametrize(("error", "expected"), [(1e-4, "linear"), (1e-2, "persistence")])
def test_the_nearer_candidate_is_the_better_one(error, expected):
    given = result_of(error, test=100)
    report = metrics_report(given)
    assert sorted(report) == ["test/linear", "test/persistence", "walk_forward/linear", "walk_forward/persistence"]
    assert decide(given, Incumbent("persistence"), PromotionThreshold(0.05, 0.01)).kind == expected
    assert report["test/linear"]["rows"] == report["test/persistence"]["rows"] == 100
    assert 0 <= report["test/linear"]["coverage_90"] <= 1


def test_the_table_has_a_row_for_each_candidate_fold_and_symbol():
    table = fold_table(result_of(1e-4))
    assert len(table) == 2 * (FOLDS + 1) * 3
    whole = table[(table["kind"] == "linear") & (table["fold"] == "all") & (table["symbol"] == "all")].iloc[0]
    assert whole["rows"] == 4800
    assert 0.85 < whole["coverage_90"] < 0.95
    assert 0 < whole["width_50_bp"] < whole["width_90_bp"] < whole["width_99_bp"]
    assert {"mae", "mae_bp", "rmse", "rmse_bp", "skill", "direction", "direction_error", "unchanged"} <= set(table)
    assert {"sign_bp", "sign_after_spread_bp", "last_price", *(f"coverage_{p}" for p in (50, 99))} <= set(table)
    assert table[table["fold"] == 0]["coverage_90"].isna().all()  # it only calibrates
    rows = table[(table["kind"] == "linear") & (table["fold"] == 3)].set_index("symbol")["rows"]
    assert rows["all"] == rows["AAPL"] + rows["GOOGL"]


def test_a_session_that_has_hardly_begun_is_no_evidence():
    whole, none = forecasts(4800, 1709562600, 1e-4), forecasts(0, END, 1.0)
    begun = forecasts(10, END, 1.0).assign(session="2024-03-30", fold=FOLDS - 1)
    given, noisy = of(whole, none), of(pd.concat([whole, begun], ignore_index=True), none, END + 86_400)
    threshold = PromotionThreshold(0.05, 0.01)
    assert decide(noisy, Incumbent("persistence"), threshold) == decide(given, Incumbent("persistence"), threshold)


def test_without_held_out_sessions_nothing_is_said_of_a_test():
    assert sorted(metrics_report(result_of(1e-4))) == ["walk_forward/linear", "walk_forward/persistence"]


def test_persistence_gets_intervals_from_its_own_errors():
    scorer = build_scorer("persistence", result_of(1e-4), schema(30, 1))
    assert (scorer.kind, scorer.trained_until) == ("persistence", END)
    assert scorer.quantiles["50"] == pytest.approx(0.67, abs=0.15)  # of a normal distribution


def test_every_plot_is_drawn(tmp_path):
    predictions = forecasts(4800, 1709562600, 1e-4)
    figures = [
        plots.last_session(predictions, Calendars("XNYS")),
        plots.skill_by_fold(result_of(1e-4).losses),
        plots.error_by_minute(predictions, 1),
        plots.calibration(predictions),
        plots.autocorrelation(predictions),
    ]
    for number, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 5000


def test_the_last_session_of_a_symbol_is_drawn_though_others_have_a_newer_one():
    predictions = forecasts(4800, 1709562600, 1e-4)
    lacks = (predictions["symbol"] == "AAPL") & (predictions["session"] > "2024-03-13")
    drawn = plots.last_session(predictions[~lacks], Calendars("XNYS", others=(("AAPL", "XLON"),))).axes[0]
    assert drawn.get_title().startswith("AAPL, 2024-03-13: ")
    assert drawn.get_xlabel() == "forecast made at, Europe/London"
    assert (
        len(drawn.lines[0].get_xdata())
        == ((predictions["symbol"] == "AAPL") & (predictions["session"] == "2024-03-13")).sum()
    )


def test_errors_that_alternate_are_seen_in_their_autocorrelation_and_honest_intervals_on_the_line():
    predictions = forecasts(4800, 1709562600, 1e-4)
    error = np.where(predictions["bar_ts"] // 60 % 2 == 0, 1e-4, -1e-4)
    drawn = plots.autocorrelation(predictions.assign(linear=predictions["target"] - error))
    heights = drawn.axes[0].lines[0].get_ydata()
    assert [round(height) for height in heights[:4]] == [-1, 1, -1, 1]
    promised, covered = plots.calibration(predictions).axes[0].lines[1].get_data()
    np.testing.assert_allclose(covered, promised, atol=0.03)
