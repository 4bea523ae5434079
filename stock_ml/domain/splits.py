"""Detect unadjusted stock splits from overnight price jumps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes

# new shares for one old; 5:4 and 4:3 are left out, for a bad night does as much
RATIOS = np.array([1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100])
TOLERANCE = 0.08  # what the night itself may add, as a log return
LARGEST_NIGHT = np.log(2) + TOLERANCE  # of a price on one scale, as a log return; beyond it is another one, or currency


class Split(NamedTuple):
    """Say in which session prices began to be split, and how many new shares one old became (0.1 is one for ten)."""

    session: str
    ratio: float


def nearest_ratio(jump: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each logarithm of an old price over a new one the split that explains it, 1 where none does."""
    ratios = np.concatenate([RATIOS, 1 / RATIOS])
    distance = np.abs(jump[:, None] - np.log(ratios))
    return np.where(distance.min(axis=1) <= TOLERANCE, ratios[distance.argmin(axis=1)], 1.0)


def may_cross(change: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of nights, by the logarithm of the old price over the new one, whether a window may cross them, (n,).

    It may where neither a split explains the change nor it is larger than any night on one scale.
    """
    return np.asarray((nearest_ratio(change) == 1.0) & (np.abs(change) <= LARGEST_NIGHT))


def level_ratio(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the split between the medians of some prices and of later ones, 1 where there is none."""
    return float(nearest_ratio(np.log([np.median(before) / np.median(after)]))[0])


def opening_ratios(minutes: Minutes, sessions: Sessions) -> NDArray[np.float64]:
    """Return for each bar the split between it and the bar before it, (n,); 1 where there is none.

    Outliers are left out before: one that begins or ends a session would make a split. It is seen in a session's first
    bar alone, so batch and stream know it at the same time. A night on which the price really halves looks the same;
    then too no window across it says anything.
    """
    opening, change = _nights(minutes, sessions)
    found = np.ones(len(minutes))
    found[opening] = nearest_ratio(change)
    return found


def are_crossed(minutes: Minutes, sessions: Sessions) -> NDArray[np.bool_]:
    """Say of each bar whether a window may hold it with the bar before it, (n,): at each but some sessions' first."""
    opening, change = _nights(minutes, sessions)
    found = np.ones(len(minutes), dtype=bool)
    found[opening] = may_cross(change)
    return found


def _nights(minutes: Minutes, sessions: Sessions) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where sessions begin, but for the first one, and the logarithm of the last close over the open there."""
    number = sessions.number(minutes.ts)
    opening = np.flatnonzero(np.diff(number, prepend=number[:1]))
    return opening, np.log(minutes.close[opening - 1]) - np.log(minutes.open[opening])


def splits(minutes: Minutes, sessions: Sessions) -> list[Split]:
    """Return the splits in the bars of one symbol, ascending; only neighbouring sessions are compared.

    Outliers are left out before.
    """
    number = sessions.number(minutes.ts)
    ratio = np.where(np.diff(number, prepend=number[:1]) == 1, opening_ratios(minutes, sessions), 1.0)
    return [Split(str(sessions.dates[number[at]]), float(ratio[at])) for at in np.flatnonzero(ratio != 1.0)]
