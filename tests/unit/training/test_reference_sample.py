"""Which part of a training's rows describes it."""

import pandas as pd

from stock_ml.evaluation.judging import Judge
from stock_ml.training.reference_sample import SESSIONS, SYMBOLS, recent
from stock_ml.training.walk_forward import WalkForwardResult
from tests.judged import FramePasses


def result_of(symbols_and_sessions: list[tuple[str, str]], dates: list[str]) -> WalkForwardResult:
    """A training of these sessions that judged forecasts of symbols in sessions."""
    losses = pd.DataFrame(symbols_and_sessions, columns=["symbol", "session"]).assign(fold=0)
    return WalkForwardResult(Judge((), ()), losses, {}, pd.DataFrame({"session": dates}), 0, FramePasses([]))


def test_symbols_whose_bars_ended_before_the_newest_sessions_describe_nothing() -> None:
    dates = [str(day.date()) for day in pd.bdate_range("2024-01-02", periods=SESSIONS + 40)]
    ended = [(f"A{n:02}", date) for n in range(SYMBOLS) for date in dates[20:40]]
    lasting = [(symbol, date) for symbol in ("ZM", "ZS") for date in dates[20:]]
    assert recent(result_of([*ended, *lasting], dates)) == (("ZM", "ZS"), dates[40:])


def test_of_many_symbols_the_first_by_name_describe_a_training() -> None:
    names = [f"S{n:02}" for n in range(SYMBOLS + 5)]
    judged = [(name, "2024-03-05") for name in reversed(names)]
    assert recent(result_of(judged, ["2024-03-04", "2024-03-05"]))[0] == tuple(names[:SYMBOLS])
