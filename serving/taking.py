"""Take new bars of one symbol into its history: what is new, what to store, which windows it completes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.rules import Rules
from stock_ml import features, gaps
from stock_ml.adapters.forecast_store import BarRow
from stock_ml.bars import MINUTE, Bar
from stock_ml.gaps import Minutes


@dataclass(frozen=True, eq=False)
class Taken:
    """Hold what new bars of a symbol bring.

    `history`: its newest received bars. `rows`: the bars to store. For each window that a new bar completes, with its
    target in the same session: the bar's `ts` and `close`, `known` (when the newest bar until then was known), all
    (n,), and the window, (n, W, C).
    """

    symbol: str
    history: Minutes
    rows: list[BarRow]
    ts: np.ndarray
    close: np.ndarray
    known: np.ndarray
    windows: np.ndarray


@dataclass(frozen=True, eq=False)
class _New:
    bars: Minutes
    late: np.ndarray
    known: np.ndarray


def reaches(history: Minutes | None, oldest: int, rules: Rules) -> bool:
    """Say whether a history holds all that bars from `oldest` (epoch seconds) on need; else load a longer one."""
    if history is None:
        return False
    complete = len(history) < rules.rows
    return complete or int(np.searchsorted(history.ts, oldest)) >= rules.window


def take(symbol: str, history: Minutes, bars: Sequence[Bar], rules: Rules) -> Taken:
    """Take bars in the order in which they came; those already in the history, or twice in `bars`, bring nothing."""
    new = _new(history, bars)
    received = _merged(history, new.bars)
    minutes = gaps.fill(received, rules.sessions, rules.limit)
    at = np.searchsorted(minutes.ts, new.bars.ts)
    ready = np.isin(at, _ends(minutes, rules))
    ends = at[ready]
    table = features.rows(minutes, rules.sessions)
    windows = table[ends[:, None] + np.arange(1 - rules.window, 1)]
    newest = _pick(received, np.arange(max(len(received) - rules.rows, 0), len(received)))
    rows = _rows(symbol, minutes, _filled_around(minutes, received, new.bars.ts), rules)
    rows += _rows(symbol, new.bars, np.arange(len(new.bars)), rules, new.late)
    return Taken(symbol, newest, rows, minutes.ts[ends], minutes.close[ends], new.known[ready], windows)


def _new(history: Minutes, bars: Sequence[Bar]) -> _New:
    came = Minutes.of_bars(bars)
    before = np.maximum.accumulate(np.append(history.ts[-1:] if len(history) else [-1], came.ts))[:-1]
    _, first = np.unique(came.ts, return_index=True)  # ascending in time; of two for one minute the first one stays
    first = first[~np.isin(came.ts[first], history.ts)]
    return _New(_pick(came, first), came.ts[first] < before[first], np.maximum(came.ts, before)[first] + MINUTE)


def _merged(history: Minutes, new: Minutes) -> Minutes:
    both = [np.concatenate(pair) for pair in zip(vars(history).values(), vars(new).values(), strict=True)]
    return _pick(Minutes(*both), np.argsort(both[0], kind="stable"))


def _ends(minutes: Minutes, rules: Rules) -> np.ndarray:
    """Return where valid windows end whose target is in the same session."""
    ends: np.ndarray = features.ends(minutes, rules.sessions, rules.window, rules.limit)
    target = minutes.ts[ends] + rules.horizon * MINUTE
    same: np.ndarray = target < rules.sessions.closes[rules.sessions.number(minutes.ts[ends])]
    return np.extract(same, ends)


def _filled_around(minutes: Minutes, received: Minutes, new: np.ndarray) -> np.ndarray:
    """Return where the filled bars stand that new ones may have changed: up to the received neighbours."""
    if len(new) == 0:
        return np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(received.ts, [new[0], new[-1]])
    low, high = received.ts[max(first - 1, 0)], received.ts[min(last + 1, len(received) - 1)]
    return np.flatnonzero(minutes.filled & (minutes.ts > low) & (minutes.ts < high))


def _rows(symbol: str, minutes: Minutes, at: np.ndarray, rules: Rules, late: np.ndarray | None = None) -> list[BarRow]:
    columns = [column[at].tolist() for column in vars(minutes).values()]
    lates = [False] * len(at) if late is None else late[at].tolist()
    return [BarRow._make((symbol, *row, rules.source, is_late)) for *row, is_late in zip(*columns, lates, strict=True)]


def _pick(minutes: Minutes, at: np.ndarray) -> Minutes:
    return Minutes(*(column[at] for column in vars(minutes).values()))
