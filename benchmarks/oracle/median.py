"""The median of the next close: of the trade to come, or of the last price again where none comes."""

import numpy as np
from scipy.special import ndtri


def median(mean: np.ndarray, deviation: np.ndarray, last: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """Return the median of a number that is `last` with chance `quiet` < 1/2, else normal.

    Half the chance is below x: (1 - q) Phi((x - mean) / deviation) + q [last <= x] = 1/2. Left of `last` its step is
    still to come, right of it it is behind, and in between the median is `last` itself.
    """
    below = mean + deviation * ndtri(0.5 / (1 - quiet))
    above = mean + deviation * ndtri((0.5 - quiet) / (1 - quiet))
    return np.asarray(np.clip(last, above, below))
