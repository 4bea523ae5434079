"""How a symbol's price gets from day to day, in two ways: freely, or in whole ticks."""

from dataclasses import dataclass
from itertools import accumulate
from math import exp, log

import numpy as np

PULL = 0.002  # what of the distance to the symbol's level each night takes away


@dataclass(frozen=True, eq=False)
class Moves:
    """Hold what moves the price, all (n,): what it is pulled to, the nights, the days, and how far a day moves it."""

    level: np.ndarray
    night: np.ndarray
    day: np.ndarray
    length: np.ndarray


def rounded(moves: Moves, _tick: float, _random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log price at each open and the session's move in standard deviations; 0 stands for the third."""
    steps = moves.night + moves.length * moves.day
    walk = np.array(list(accumulate(steps.tolist(), lambda x, step: (1 - PULL) * x + step)))
    return moves.level + walk - moves.length * moves.day, moves.day, np.zeros(len(steps))


def in_ticks(moves: Moves, tick: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log price at each open, a whole number of ticks, and counts of the ups and downs of the session.

    They are Poisson counts of equal mean: their difference has the variance of the day's move.
    """
    found = np.empty((len(moves.level), 3))
    away = 0.0
    for i, (level, night, length) in enumerate(np.stack([moves.level, moves.night, moves.length], axis=1).tolist()):
        first = round(exp(level + (1 - PULL) * away + night) / tick)
        up, down = random.poisson((length * first) ** 2 / 2, 2).tolist()
        found[i] = log(first * tick), up, down
        away = log((first + up - down) * tick) - level
    return found[:, 0], found[:, 1], found[:, 2]
