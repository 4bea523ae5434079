"""Serve symbols the last price where their own sessions say that it was nearer, in walk-forward as later live."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from stock_ml import evaluation
from stock_ml.training.metrics_report import predicted, whole_sessions
from stock_ml.training.walk_forward import Judged

Sets = tuple[tuple[str, ...], ...]


def shrunk(judged: Judged, before: Mapping[str, bool]) -> Judged:
    """Return what was judged with forecasts as they are served, the last price where a symbol is better off with it.

    In each fold a symbol's sessions before it decide; in the first nothing is known. `before` says of the champion's
    symbols whether they were served the last price, which the set of the new version starts from.
    """
    count = int(judged.walked["fold"].max()) + 1
    sets = {kind: _sets(_gains(judged.walked, kind), count, before) for kind in judged.models}
    walked = judged.walked.assign(**{kind: _served(judged.walked, kind, found) for kind, found in sets.items()})
    newest = judged.test.assign(fold=-1)
    test = judged.test.assign(**{kind: _served(newest, kind, found) for kind, found in sets.items()})
    return replace(judged, walked=walked, test=test, last_price=sets)


def _gains(walked: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return by fold, symbol and session how much nearer the forecasts were than the last price, in basis points."""
    rows = whole_sessions(walked)
    nearer = rows["target"].abs() - (rows["target"] - predicted(rows, kind)).abs()
    by = ["fold", "symbol", "session"]
    return rows.assign(gain=nearer * 1e4).groupby(by)["gain"].mean().reset_index()


def _sets(gains: pd.DataFrame, folds: int, before: Mapping[str, bool]) -> Sets:
    """Return the symbols that are served the last price in each fold, and at the end."""
    sets: list[tuple[str, ...]] = []
    known: dict[str, bool] = {}
    for fold in range(folds):
        of_symbols = _of_symbols(gains[gains["fold"] < fold])
        sets.append(evaluation.last_price(of_symbols, known))
        known = {symbol: symbol in sets[-1] for symbol in of_symbols}
    return (*sets, evaluation.last_price(_of_symbols(gains), before))


def _of_symbols(gains: pd.DataFrame) -> dict[str, np.ndarray]:
    return {str(symbol): part.to_numpy() for symbol, part in gains.groupby("symbol")["gain"]}


def _served(frame: pd.DataFrame, kind: str, sets: Sets) -> np.ndarray:
    forecast = frame[kind].to_numpy(np.float64).copy()
    for fold in frame["fold"].unique():
        forecast[((frame["fold"] == fold) & frame["symbol"].isin(sets[fold])).to_numpy()] = 0.0
    return forecast
