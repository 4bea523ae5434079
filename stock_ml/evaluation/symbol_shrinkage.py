"""Choose the symbols that fall back to the last price: those whose own sessions say that the forecast is worse.

A symbol's gain is what its forecasts were nearer than its last price, in basis points, averaged over sessions. A few
sessions are a noisy witness, so symbols lend each other strength: gains come from N(mu, tau^2), and a symbol's is
what that and its own sessions say together (empirical Bayes; Efron and Morris 1975, "Data analysis using Stein's
estimator and its generalizations"). tau^2 by moments as DerSimonian and Laird (1986, "Meta-analysis in clinical
trials"); the standard deviation counts that mu is estimated too (Morris 1983, "Parametric empirical Bayes inference"),
not that tau is: with eight symbols an interval meant to hold nine times in ten holds eight times.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRIOR_SESSIONS = 4  # sessions that the usual spread over sessions counts for: that of two alone may be near nothing
MIN_VARIANCE = 1e-12  # basis points squared: what varies less does not vary
HYSTERESIS = 0.5  # posterior deviations of a gain: 7 to 3 that its sign is right, and no change each day


class Gain(NamedTuple):
    """Say what is known of a symbol's gain in basis points: mean and standard deviation."""

    mean: float
    sd: float


def posterior(gains: Mapping[str, Floats]) -> dict[str, Gain]:
    """Return what is known of each symbol's gain, from one number for each of its sessions, (n,) with n > 0.

    With one symbol its own sessions are all there is; a symbol of a single session knows what the others say. Where
    nothing varies over sessions, as with constant prices, there is no evidence: then both are 0.
    """
    names = sorted(gains)
    mean, error = np.array([float(np.mean(gains[name])) for name in names]), _errors([gains[name] for name in names])
    known = np.isfinite(error) & (error > MIN_VARIANCE)
    if not known.any():
        return dict.fromkeys(names, Gain(0.0, 0.0))
    mu, tau, spread = _prior(mean[known], error[known])
    others = 1 - tau / (tau + error)  # the share of what all symbols say in what is known of this one
    found = mean + others * (mu - mean)
    sd = np.sqrt(others * tau + others**2 * spread)
    return {name: Gain(float(m), float(d)) for name, m, d in zip(names, found, sd, strict=True)}


def fallback_symbols(gains: Mapping[str, Floats], before: Mapping[str, bool]) -> tuple[str, ...]:
    """Return, sorted, the symbols that are served the last price.

    `before` says of symbols that a model served already whether it was the last price. Such a one changes only where
    its gain is HYSTERESIS deviations past zero; of a new one the sign decides.
    """
    known = posterior(gains)
    return tuple(name for name in sorted(known) if _falls_back(known[name], before.get(name)))


def _falls_back(gain: Gain, before: bool | None) -> bool:
    if before is None:
        return gain.mean < 0
    return gain.mean <= HYSTERESIS * gain.sd if before else gain.mean < -HYSTERESIS * gain.sd


def _errors(gains: list[Floats]) -> Floats:
    """Return the squared standard error of each mean, infinite for a single session, 0 where nothing varies."""
    n = np.array([len(gain) for gain in gains])
    squares = np.array([float(np.sum((gain - np.mean(gain)) ** 2)) for gain in gains])
    usual = float(squares.sum()) / max(int((n - 1).sum()), 1)
    variance = (squares + PRIOR_SESSIONS * usual) / (n - 1 + PRIOR_SESSIONS)
    return np.where(n > 1, variance / n, np.inf)


def _prior(mean: Floats, error: Floats) -> tuple[float, float, float]:
    """Return mu, tau^2, and the squared standard error of mu, for squared errors of the means."""
    weight = 1 / error
    fixed = float(np.sum(weight * mean) / np.sum(weight))
    excess = float(np.sum(weight * (mean - fixed) ** 2)) - (len(mean) - 1)
    scale = float(np.sum(weight) - np.sum(weight**2) / np.sum(weight))
    tau = max(excess / scale, 0.0) if scale > 0 else 0.0
    weight = 1 / (error + tau)
    return float(np.sum(weight * mean) / np.sum(weight)), tau, float(1 / np.sum(weight))
