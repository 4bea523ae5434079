"""Judge forecasts where the rows are: only sums by session, symbol and kind, and counts of errors leave a pass.

A pass gets frames of `Judge.columns` in any number of batches; of a symbol the rows ascend in time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stock_ml.domain.ticks import RECENT, snap_to_tick, symbol_tick
from stock_ml.evaluation.error_histogram import ErrorHistogram
from stock_ml.evaluation.folds import Fold, in_evaluation
from stock_ml.evaluation.metrics import half_widths, intervals, losses
from stock_ml.evaluation.promotion import PERSISTENCE
from stock_ml.model.conformal import Calibration
from stock_ml.model.parameters import Parameters

Floats = NDArray[np.float64]
Found = TypeVar("Found")
COLUMNS = ("symbol", "bar_ts", "session", "last_close", "target", "volatility", "elapsed")
KEYS = ("fold", "session", "symbol", "kind")  # what a row of sums is of
HELD_OUT = -1  # the fold of sessions that no fold trains on
Fallbacks = Mapping[str, Sequence[Sequence[str]]]  # by kind and fold, and at the end: symbols served the last price
Calibrations = Mapping[str, Sequence[Calibration | None]]  # by kind and fold, and at the end; None: nothing came before


class Passes(Protocol):
    """Give each partition's rows to a function, as frames of these columns, and return all that it yields."""

    def __call__(
        self, columns: Sequence[str], function: Callable[[Iterator[pd.DataFrame]], Iterable[Found]]
    ) -> list[Found]: ...


class Step(NamedTuple):
    """Say which rows a fold evaluates, and what each recipe forecasts there; `number` is HELD_OUT for the last."""

    number: int
    fold: Fold
    fits: Mapping[str, Parameters]


@dataclass(frozen=True)
class Judge:
    """Know the features in their order, and the steps, that of the sessions held out last."""

    names: Sequence[str]
    steps: Sequence[Step]

    @property
    def columns(self) -> list[str]:
        """Return the columns that a pass reads."""
        return [*COLUMNS, *(name for name in self.names if name not in COLUMNS)]

    @property
    def first(self) -> int:
        """Return the time of the first bar that is evaluated, UTC epoch seconds."""
        return self.steps[0].fold.first

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the candidates: persistence, always there, and every recipe that was fitted."""
        return (PERSISTENCE, *self.steps[0].fits)

    def new_ticks(self) -> "Ticks":
        """Return ticks that learn from the rows of walk-forward."""
        return Ticks(self.steps[-1].fold.first)

    def forecasts(self, batches: Iterable[pd.DataFrame], ticks: "Ticks | None" = None) -> Iterator[pd.DataFrame]:
        """Yield of each batch what each step evaluates: COLUMNS, `fold`, and each recipe's forecasts.

        With `ticks`, which learn from the rows, there is each one's `tick` too.
        """
        for frame in batches:
            evaluated = frame[frame["bar_ts"] >= self.first]
            if ticks is not None:
                evaluated = evaluated.assign(tick=ticks.learn(evaluated))
            of_steps = (self._of_step(evaluated, step) for step in self.steps)
            yield from (rows for rows in of_steps if len(rows))

    def _of_step(self, frame: pd.DataFrame, step: Step) -> pd.DataFrame:
        own = frame[in_evaluation(frame["bar_ts"].to_numpy(), step.fold)]
        features = own[list(self.names)].to_numpy(np.float64)
        forecasts = {kind: fit.predict(features) for kind, fit in step.fits.items()}
        columns: pd.DataFrame = own[[name for name in (*COLUMNS, "tick") if name in own]]
        return columns.assign(fold=step.number, **forecasts)


@dataclass
class Ticks:
    """Learn each symbol's tick from its closes while they pass, those before `until`; UTC epoch seconds."""

    until: int
    _known: dict[tuple[str, str], float] = field(default_factory=dict)
    _closes: dict[str, Floats] = field(default_factory=dict)

    def learn(self, rows: pd.DataFrame) -> Floats:
        """Return for each row its symbol's tick by the sessions before, 0 in the first one, (n,)."""
        found = np.zeros(len(rows))
        for start, stop in pairwise([*_runs(rows).tolist(), len(rows)]):
            symbol, session = rows["symbol"].iloc[start], rows["session"].iloc[start]
            found[start:stop] = self._of(symbol, session)
            self._add(symbol, rows.iloc[start:stop])
        return found

    def newest(self) -> dict[str, float]:
        """Return each symbol's tick by all its closes."""
        return {symbol: symbol_tick(closes) for symbol, closes in self._closes.items()}

    def _of(self, symbol: str, session: str) -> float:
        if (symbol, session) not in self._known:
            self._known[symbol, session] = symbol_tick(self._closes.get(symbol, np.zeros(0)))
        return self._known[symbol, session]

    def _add(self, symbol: str, rows: pd.DataFrame) -> None:
        own = rows["last_close"].to_numpy(np.float64)[rows["bar_ts"].to_numpy() < self.until]
        self._closes[symbol] = np.concatenate([self._closes.get(symbol, np.zeros(0)), own])[-RECENT:]


def predicted(frame: pd.DataFrame, kind: str) -> Floats:
    """Return a candidate's forecasts as log returns to prices on the tick grid, as they are served, (n,)."""
    if kind == PERSISTENCE:
        return np.zeros(len(frame))
    last = frame["last_close"].to_numpy(np.float64)
    price = snap_to_tick(last, last * np.exp(frame[kind].to_numpy(np.float64)), frame["tick"].to_numpy(np.float64))
    on_grid: Floats = np.log(price / last)
    return on_grid


def loss_sums(batches: Iterable[pd.DataFrame], judge: Judge) -> Iterator[tuple[pd.DataFrame, dict[str, float]]]:
    """Yield the sums LOSSES by KEYS, with the first and last `bar_ts` of each, and each symbol's newest tick.

    They are of forecasts as they would be served with no symbol left at its last price.
    """
    ticks, parts = judge.new_ticks(), []
    for frame in judge.forecasts(batches, ticks):
        parts += [_loss_sums(frame, kind) for kind in judge.kinds]
    if parts:
        yield added(parts), ticks.newest()


def _loss_sums(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    last, target = (frame[name].to_numpy(np.float64) for name in ("last_close", "target"))
    found = _of_runs(frame, kind, losses(last, target, predicted(frame, kind)))
    starts, ts = _runs(frame), frame["bar_ts"].to_numpy()
    return found.assign(first=np.minimum.reduceat(ts, starts), last=np.maximum.reduceat(ts, starts))


def _runs(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return where the rows of another symbol or session begin, int64."""
    keys = frame[["symbol", "session"]]
    return np.flatnonzero((keys != keys.shift()).any(axis=1))


def _of_runs(frame: pd.DataFrame, kind: str, columns: Mapping[str, Floats]) -> pd.DataFrame:
    """Return the sums of columns (n,) over each run of rows of a symbol and a session, with their KEYS."""
    starts = _runs(frame)
    sums = np.add.reduceat(np.stack(list(columns.values())), starts, axis=1)
    keys = frame[["fold", "session", "symbol"]].iloc[starts].reset_index(drop=True).assign(kind=kind)
    return keys.assign(**dict(zip(columns, sums, strict=True)))


def added(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return sums by KEYS over all parts, in their order; `first` and `last` are the least and the greatest."""
    whole = pd.concat(list(parts), ignore_index=True)
    how = {name: {"first": "min", "last": "max"}.get(name, "sum") for name in whole.columns if name not in KEYS}
    found: pd.DataFrame = whole.groupby(list(KEYS), as_index=False, sort=True).agg(how)
    return found


def error_histograms(
    batches: Iterable[pd.DataFrame], judge: Judge, fallbacks: Fallbacks
) -> Iterator[dict[str, ErrorHistogram]]:
    """Yield each kind's errors in walk-forward by fold, once all rows have passed.

    They are around the forecast before it is moved onto the grid, of forecasts as they are served.
    """
    found = {kind: ErrorHistogram.empty(len(judge.steps) - 1) for kind in judge.kinds}
    for rows in judge.forecasts(batches):
        fold = rows["fold"].to_numpy(np.int64)
        if fold[0] != HELD_OUT:
            for kind, histogram in found.items():
                histogram.add(errors_of(rows, kind, fallbacks), *conditions(rows), fold)
    yield found


def interval_sums(
    batches: Iterable[pd.DataFrame], judge: Judge, fallbacks: Fallbacks, calibrations: Calibrations
) -> Iterator[pd.DataFrame]:
    """Yield the sums INTERVALS by KEYS of what has an interval, once all rows have passed."""
    frames = judge.forecasts(batches)
    parts = [
        _interval_sums(frame, kind, fallbacks, calibration)
        for frame in frames
        for kind in judge.kinds
        if (calibration := calibrations[kind][int(frame["fold"].iloc[0])]) is not None
    ]
    if parts:
        yield added(parts)


def _interval_sums(frame: pd.DataFrame, kind: str, fallbacks: Fallbacks, calibration: Calibration) -> pd.DataFrame:
    half = half_widths(calibration, *conditions(frame))
    return _of_runs(frame, kind, intervals(errors_of(frame, kind, fallbacks), half))


def rows_of(batches: Iterable[pd.DataFrame], symbols: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows of these symbols."""
    yield from (frame[frame["symbol"].isin(list(symbols))] for frame in batches)


def fallback_mask(frame: pd.DataFrame, sets: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Return which rows fall back to the last price, (n,), by the set of symbols of each row's fold."""
    mask = np.zeros(len(frame), dtype=bool)
    for fold in frame["fold"].unique():
        mask |= ((frame["fold"] == fold) & frame["symbol"].isin(list(sets[fold]))).to_numpy()
    return mask


def served_sums(sums: pd.DataFrame, fallbacks: Fallbacks) -> pd.DataFrame:
    """Return the sums of forecasts as they are served: those of the last price where a symbol falls back to it.

    `sums` are as from `loss_sums`, of all kinds.
    """
    by = ["fold", "session", "symbol"]
    persistence = sums[sums["kind"] == PERSISTENCE].set_index(by)
    parts = [_last_price(sums[sums["kind"] == PERSISTENCE])]
    for kind, sets in fallbacks.items():
        own = sums[sums["kind"] == kind]
        mask = fallback_mask(own, sets)
        left = persistence.loc[pd.MultiIndex.from_frame(own.loc[mask, by])].reset_index().assign(kind=kind)
        parts += [own[~mask], _last_price(left)]
    whole = pd.concat([part[sums.columns] for part in parts])
    return whole.sort_values(list(KEYS), ignore_index=True)


def _last_price(sums: pd.DataFrame) -> pd.DataFrame:
    return sums.assign(last_price=sums["rows"])


def errors_of(frame: pd.DataFrame, kind: str, fallbacks: Fallbacks) -> Floats:
    """Return the errors that intervals are made of, (n,): around the forecast before it is moved onto the grid."""
    target = frame["target"].to_numpy(np.float64)
    if kind == PERSISTENCE:
        return target
    served = frame[kind].to_numpy(np.float64)
    if kind in fallbacks:
        served = np.where(fallback_mask(frame, fallbacks[kind]), 0.0, served)
    errors: Floats = target - served
    return errors


def conditions(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return what an error's size depends on: the window's volatility, and the time of the session."""
    return frame["volatility"].to_numpy(np.float64), frame["elapsed"].to_numpy(np.float64)
