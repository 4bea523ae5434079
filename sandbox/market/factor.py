"""What all symbols of a market share in a session: the factor's minutes, and a halt of the whole exchange."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.market.market_kinds import Kind
from sandbox.market.random_streams import stream

ALL, ALL_LENGTH = 1 / 1250, 15  # share of sessions in which the whole exchange halts, and for how many minutes
ONE, LENGTHS = 1 / 120, (5, 60)  # the same of one symbol


@dataclass(frozen=True, eq=False)
class Factor:
    """Hold a session's common returns (n,), of variance 1, and the minutes of a halt (none where it is empty)."""

    returns: np.ndarray
    halt: slice


@lru_cache(maxsize=1024)
def factor(kind: Kind, seed: int, date: int, n: int) -> Factor:
    """Draw what all symbols share in the session of a day, n minutes of it."""
    random = stream(seed, "factor", number=date)
    returns = random.standard_normal(n)
    returns.setflags(write=False)
    return Factor(returns, halt(random, n, ALL * kind.halts, (ALL_LENGTH, ALL_LENGTH)))


def halt(random: np.random.Generator, n: int, chance: float, lengths: tuple[int, int]) -> slice:
    """Draw the minutes of a halt, well inside the session, or none."""
    happens, length = random.random() < chance, int(random.integers(lengths[0], lengths[1] + 1))
    start = int(random.integers(5, n - length - 5))
    return slice(start, start + length if happens else start)
