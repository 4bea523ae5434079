"""The closing auction, as feeds show it: a row exactly at the close, which is no minute."""

from typing import Literal

import numpy as np

from sandbox.market.random_streams import stream

Auction = Literal["off", "largest", "unknown"]
SHIFT, SHARE = 0.002, 1.5  # how far the price is from the last close, as a log return; volume, in the largest minute's


def row(seed: int, symbol: str, date: int, regular: np.ndarray, decimals: int) -> np.ndarray:
    """Return open to volume of the auction, (5,), after a session's regular bars (n, 5); its date as days of 1970."""
    random = stream(seed, "auction", symbol, date)
    price = np.round(regular[-1, 3] * np.exp(np.clip(SHIFT * random.standard_normal(), -0.01, 0.01)), decimals)
    return np.array([*[price] * 4, np.ceil(SHARE * regular[:, 4].max())])
