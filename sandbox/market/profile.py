"""What a symbol is like for ever: its usual price, volatility and volume."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.market.random_streams import stream

PRICES, DAILY, VOLUMES = (30.0, 220.0), (0.010, 0.019), (2_000.0, 20_000.0)
SILENT, FACTOR = (0.003, 0.02), (0.3, 0.55)


@dataclass(frozen=True)
class Profile:
    """Hold a symbol's constants."""

    level: float  # log of the price that it hovers around
    volatility: float  # of a whole session
    volume: float  # shares of a usual minute
    silence: float  # share of usual minutes without a trade
    beta: float  # correlation of its returns with the common factor


@lru_cache(maxsize=256)
def profile(seed: int, symbol: str) -> Profile:
    """Draw a symbol's constants."""
    random = stream(seed, "profile", symbol)
    level, volume = random.uniform(*np.log(PRICES)), random.uniform(*np.log(VOLUMES))
    daily, silent, beta = random.uniform(*DAILY), random.uniform(*SILENT), random.uniform(*FACTOR)
    return Profile(float(level), float(daily), float(np.exp(volume)), float(silent), float(beta))
