"""Independent random numbers for each purpose, symbol and session, so that none must be drawn before another."""

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str, symbol: str = "", number: int = 0) -> np.random.Generator:
    """Return the generator of one purpose: the same for ever, whatever else was asked for before."""
    key = (seed, crc32(purpose.encode()), crc32(symbol.encode()), number)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
