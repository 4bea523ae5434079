"""Let symbols fall back to the last price where their own sessions say that the model is worse."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from stock_ml.evaluation.judging import HELD_OUT, served_sums
from stock_ml.evaluation.symbol_shrinkage import fallback_symbols
from stock_ml.training.metrics_report import complete_sessions
from stock_ml.training.walk_forward import WalkForwardResult

Sets = tuple[tuple[str, ...], ...]


def with_symbol_fallback(result: WalkForwardResult, previous: Mapping[str, bool]) -> WalkForwardResult:
    """Return the result with the losses of what is served: the last price where a symbol is better off with it.

    In each fold a symbol's sessions before it decide; in the first nothing is known. `previous` says of the champion's
    symbols whether they were served the last price, which the set of the new version starts from.
    """
    judged = result.losses[result.losses["fold"] != HELD_OUT]
    count = int(judged["fold"].max()) + 1
    sets = {kind: _fallback_sets(_gains(judged, kind), count, previous) for kind in result.fits}
    return replace(result, losses=served_sums(result.losses, sets), fallbacks=sets)


def _gains(sums: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return by fold, symbol and session how much nearer the forecasts were than the last price, in basis points."""
    complete = complete_sessions(sums)
    own = complete[complete["kind"] == kind]
    nearer = (own["move"] - own["error"]) / own["rows"] * 1e4
    return own[["fold", "symbol", "session"]].assign(gain=nearer)


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
