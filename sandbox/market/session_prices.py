"""The trades that end each minute of a session, in two ways: an efficient price with a bounce, or a walk in ticks."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sandbox.market.market_kinds import FULL, Kind


@dataclass(frozen=True, eq=False)
class SessionInputs:
    """Hold what a session's path is made from: its open (log), volatility, moves, minutes' clock (n,) and beta.

    With a `pace` trades follow the efficient price, without one they bounce around it.
    """

    kind: Kind
    open: float
    sigma: float
    ups: float
    downs: float
    clock: np.ndarray
    beta: float
    pace: float | None = None

    @property
    def variance(self) -> np.ndarray:
        """Return each minute's variance of the log price."""
        return np.asarray(self.sigma**2 / FULL * self.clock)


def trades(inputs: SessionInputs, random: np.random.Generator, common: np.ndarray) -> np.ndarray:
    """Return prices on the tick grid, (n + 1,): the opening auction's, and the last of each minute."""
    if inputs.kind.whole_ticks:
        return _in_ticks(inputs, random)
    path = np.concatenate([[inputs.open], inputs.open + np.cumsum(_steps(inputs, random, common))])
    spread = inputs.kind.bounce * np.sqrt(inputs.variance)
    bounce = np.concatenate([spread[:1], spread]) * random.standard_normal(len(path))
    seen = path + bounce if inputs.pace is None else _following(path, inputs.pace)
    return np.asarray(np.round(np.exp(seen), inputs.kind.decimals))


def _following(path: np.ndarray, pace: float) -> np.ndarray:
    return np.array(list(accumulate(path.tolist(), lambda trade, price: trade + pace * (price - trade))))


def _steps(inputs: SessionInputs, random: np.random.Generator, common: np.ndarray) -> np.ndarray:
    """Return the efficient price's steps: independent and normal, bent so that they add up to the session's move.

    The move is normal with the steps' own total variance, so the bent steps are again independent (a Brownian bridge
    with a free end).
    """
    variance = inputs.variance
    own = random.standard_normal(len(variance))
    steps = np.sqrt(variance) * (inputs.beta * common + np.sqrt(1 - inputs.beta**2) * own)
    whole = inputs.ups * np.sqrt(variance.sum())
    return np.asarray(steps + variance / variance.sum() * (whole - steps.sum()))


def _in_ticks(inputs: SessionInputs, random: np.random.Generator) -> np.ndarray:
    """Spread the session's counts of ups and downs over its minutes: each minute's are again independent and Poisson.

    A minute's step is their difference (Skellam): whole ticks, symmetric, so of median 0 whatever was before.
    """
    share = inputs.clock / inputs.clock.sum()
    steps = random.multinomial(int(inputs.ups), share) - random.multinomial(int(inputs.downs), share)
    first = np.rint(np.exp(inputs.open) / inputs.kind.tick)
    return np.asarray(
        np.round((first + np.concatenate([[0], np.cumsum(steps)])) * inputs.kind.tick, inputs.kind.decimals)
    )
