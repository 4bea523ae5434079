"""Which part of a training's rows describes it."""

import pandas as pd

from stock_ml.evaluation.folds import Fold
from stock_ml.training.reference_sample import SESSIONS, SYMBOLS, recent
from stock_ml.training.walk_forward import WalkForwardResult

NO_FOLD = Fold(0, 0, 0)


def test_symbols_whose_bars_ended_before_the_newest_sessions_describe_nothing() -> None:
    dates = [str(day.date()) for day in pd.bdate_range("2024-01-02", periods=SESSIONS + 40)]
    ended = [(f"A{n:02}", date) for n in range(SYMBOLS) for date in dates[20:40]]
    lasting = [(symbol, date) for symbol in ("ZM", "ZS") for date in dates[20:]]
    predictions = pd.DataFrame([*ended, *lasting], columns=["symbol", "session"])
    result = WalkForwardResult({}, predictions, pd.DataFrame(), pd.DataFrame({"session": dates}), 0, NO_FOLD)
    assert recent(result) == (("ZM", "ZS"), dates[40:])


def test_of_many_symbols_the_first_by_name_describe_a_training() -> None:
    names = [f"S{n:02}" for n in range(SYMBOLS + 5)]
    predictions = pd.DataFrame({"symbol": names[::-1], "session": "2024-03-05"})
    result = WalkForwardResult(
        {}, predictions, pd.DataFrame(), pd.DataFrame({"session": ["2024-03-04", "2024-03-05"]}), 0, NO_FOLD
    )
    assert recent(result)[0] == tuple(names[:SYMBOLS])
