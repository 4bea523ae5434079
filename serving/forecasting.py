"""Handle a batch of bars: what to store, what to forecast. Nothing is read or written here."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from serving.rules import Rules
from serving.taking import Taken, take
from stock_ml.adapters.forecast_store import BarRow, ForecastRow
from stock_ml.bars import MINUTE, Bar
from stock_ml.features import kernel
from stock_ml.gaps import Minutes
from stock_ml.scorer import Scorer, prices

GATHERED = ("ts", "close", "known", "windows")


class Serving(NamedTuple):
    """Hold the model that serves, and the version and run that it is."""

    version: str
    run_id: str
    scorer: Scorer


class Handled(NamedTuple):
    """Hold what a batch brings: rows to store, and the histories to go on from once they are stored."""

    bars: list[BarRow]
    forecasts: list[ForecastRow]
    histories: dict[str, Minutes]


def by_symbol(bars: Sequence[Bar]) -> dict[str, list[Bar]]:
    """Return the bars of each symbol, in the order in which they came."""
    ordered = sorted(bars, key=attrgetter("symbol"))
    return {symbol: list(group) for symbol, group in groupby(ordered, attrgetter("symbol"))}


def handle(
    histories: Mapping[str, Minutes], bars: Sequence[Bar], serving: Serving | None, now: float | None, rules: Rules
) -> Handled:
    """Return what a batch brings.

    `now` is the Clock's time in UTC epoch seconds; None in a replay, where a forecast is made at the moment when the
    newest bar of its symbol became known. Without a model bars are kept, and nothing is forecast.
    """
    taken = [take(symbol, histories[symbol], new, rules) for symbol, new in by_symbol(bars).items()]
    rows = [row for one in taken for row in one.rows]
    forecasts = [] if serving is None else _forecasts(taken, serving, now, rules)
    return Handled(rows, forecasts, {one.symbol: one.history for one in taken})


def _forecasts(taken: Sequence[Taken], serving: Serving, now: float | None, rules: Rules) -> list[ForecastRow]:
    symbols = np.repeat([one.symbol for one in taken], [len(one.ts) for one in taken])
    if len(symbols) == 0:
        return []
    ts, close, known, windows = (np.concatenate([getattr(one, name) for one in taken]) for name in GATHERED)
    values = _values(windows, close, serving.scorer)
    target = ts + rules.horizon * MINUTE
    made_at = known if now is None else np.full(len(ts), now)
    session = rules.sessions.dates[rules.sessions.number(ts)].astype(str)
    late = made_at >= target + MINUTE  # the target's close was known by then
    columns = (column.tolist() for column in (symbols, ts, target, session, values, made_at, late))
    told = (serving.version, serving.scorer.trained_until)
    return [
        ForecastRow._make((symbol, at, rules.horizon, aim, day, *numbers, *told, made, is_late))
        for symbol, at, aim, day, numbers, made, is_late in zip(*columns, strict=True)
        if np.isfinite(numbers).all()  # absurd prices in a window may overflow; then nothing can be said
    ]


def _values(windows: np.ndarray, close: np.ndarray, scorer: Scorer) -> np.ndarray:
    """Return last close, predicted close and its bounds, (n, 8)."""
    with np.errstate(all="ignore"):
        forecast = prices(close, scorer.predict(kernel(windows)))
    return np.column_stack([close, *vars(forecast).values()])
