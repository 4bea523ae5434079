"""Let symbols fall back to the last price where their own sessions say that the model is worse."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from stock_ml.evaluation.symbol_shrinkage import fallback_symbols
from stock_ml.training.metrics_report import complete_sessions, fallback_mask, predicted
from stock_ml.training.walk_forward import WalkForwardResult

Sets = tuple[tuple[str, ...], ...]


def with_symbol_fallback(result: WalkForwardResult, previous: Mapping[str, bool]) -> WalkForwardResult:
    """Return the result with forecasts as they are served: the last price where a symbol is better off with it.

    In each fold a symbol's sessions before it decide; in the first nothing is known. `previous` says of the champion's
    symbols whether they were served the last price, which the set of the new version starts from.
    """
    count = int(result.predictions["fold"].max()) + 1
    sets = {kind: _fallback_sets(_gains(result.predictions, kind), count, previous) for kind in result.fits}
    test = _apply(result.test.assign(fold=-1), sets).drop(columns="fold")
    return replace(result, predictions=_apply(result.predictions, sets), test=test, fallbacks=sets)


def _gains(predictions: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return by fold, symbol and session how much nearer the forecasts were than the last price, in basis points."""
    rows = complete_sessions(predictions)
    nearer = rows["target"].abs() - (rows["target"] - predicted(rows, kind)).abs()
    by = ["fold", "symbol", "session"]
    return rows.assign(gain=nearer * 1e4).groupby(by)["gain"].mean().reset_index()


def _fallback_sets(gains: pd.DataFrame, folds: int, previous: Mapping[str, bool]) -> Sets:
    """Return the symbols that are served the last price in each fold, and at the end."""
    sets: list[tuple[str, ...]] = []
    known: dict[str, bool] = {}
    for fold in range(folds):
        of_symbols = _of_symbols(gains[gains["fold"] < fold])
        sets.append(fallback_symbols(of_symbols, known))
        known = {symbol: symbol in sets[-1] for symbol in of_symbols}
    return (*sets, fallback_symbols(_of_symbols(gains), previous))


def _of_symbols(gains: pd.DataFrame) -> dict[str, np.ndarray]:
    return {str(symbol): part.to_numpy() for symbol, part in gains.groupby("symbol")["gain"]}


def _apply(frame: pd.DataFrame, sets: Mapping[str, Sets]) -> pd.DataFrame:
    served = {kind: np.where(fallback_mask(frame, found), 0.0, frame[kind]) for kind, found in sets.items()}
    return frame.assign(**served)
