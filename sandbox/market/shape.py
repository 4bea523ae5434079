"""How variance and volume are spread over a session: the U shape that is known, and the activity that is not."""

from functools import lru_cache

import numpy as np

from sandbox.market.market_kinds import Kind


@lru_cache(maxsize=64)
def curve(kind: Kind, n: int) -> np.ndarray:
    """Return each minute's usual share of a session's variance and volume, (n,), of mean 1."""
    place = np.linspace(-1.0, 1.0, n)
    busy = (0.7 + 0.9 * place**4 + 0.5 * (place < 0) * place**10) ** (2 * kind.curve)
    busy /= busy.mean()
    busy.setflags(write=False)
    return np.asarray(busy)


def clock(kind: Kind, random: np.random.Generator, n: int) -> np.ndarray:
    """Return how fast each minute's own time runs, (n,), of mean 1: variance and volume are in proportion to it.

    Returns that are normal in this time are fat-tailed and clustered by the wall clock (Clark 1973).
    """
    slow, quick = kind.unrest * random.standard_normal((2, n))
    slow[1:] *= np.sqrt(1 - kind.calming**2)
    left = kind.calming ** np.arange(n)
    active = curve(kind, n) * np.exp(left * np.cumsum(slow / left) + quick)
    return np.asarray(active / active.mean())
