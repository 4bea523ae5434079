"""Ticks by all rows at once, as their definition says: what passes learn is held against them."""

import numpy as np
import pandas as pd

from stock_ml.domain.ticks import RECENT, Floats, symbol_tick


def symbol_ticks(rows: pd.DataFrame) -> dict[str, float]:
    """Return each symbol's tick, from the newest of its rows, which have `symbol`, `bar_ts` and `last_close`."""
    closes = rows.sort_values("bar_ts").groupby("symbol")["last_close"]
    return {str(symbol): symbol_tick(part.to_numpy(np.float64)[-RECENT:]) for symbol, part in closes}


def ticks_before(rows: pd.DataFrame) -> Floats:
    """Return for each row its symbol's tick by the sessions before, 0 in the first one, (n,).

    `rows` have `symbol`, `session`, `bar_ts` and `last_close`.
    """
    found = np.zeros(len(rows))
    for _, part in rows.reset_index(drop=True).sort_values("bar_ts").groupby("symbol"):
        closes, begins = part["last_close"].to_numpy(np.float64), np.flatnonzero(~part["session"].duplicated())
        known = [symbol_tick(closes[max(begin - RECENT, 0) : begin]) for begin in begins.tolist()]
        found[part.index] = np.repeat(known, np.diff(begins, append=len(part)))
    return found
