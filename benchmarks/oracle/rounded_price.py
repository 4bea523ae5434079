"""What a rounded price tells of the price before rounding: mean and variance of a normal number between two bounds."""

import numpy as np
from scipy.special import ndtr

NARROW = 0.05  # below this width, in standard deviations, the density inside is flat to within a thousandth
FAR = 6.0


def between(centre: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of a standard normal number known to lie within `half` of `centre`.

    Moments of the truncated normal distribution (Johnson, Kotz, Balakrishnan 1994, 13.10.1).
    """
    low, high = centre - half, centre + half
    flat = (half < NARROW) | (np.minimum(np.abs(low), np.abs(high)) > FAR)
    mass = np.where(flat, 1.0, ndtr(high) - ndtr(low))
    at_low, at_high = _density(low), _density(high)
    mean = (at_low - at_high) / mass
    variance = 1 + (low * at_low - high * at_high) / mass - mean**2
    return np.where(flat, centre, mean), np.where(flat, half**2 / 3, variance)


def _density(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
