"""A Kalman filter for the efficient price behind closes that bounce and are rounded; all sessions side by side."""

from dataclasses import dataclass

import numpy as np

from benchmarks.oracle.rounded_price import between
from benchmarks.oracle.table import Table

NOTHING = 1e9  # variance, in minutes, of a price of which nothing is known: after a night, say


@dataclass
class State:
    """Hold what is known of each session's efficient price, all (d,).

    `mean` of its log, `variance` in units of one minute's clock, and `scale`: the variance of one such unit, an average
    of `worth` minutes.
    """

    mean: np.ndarray
    variance: np.ndarray
    scale: np.ndarray
    worth: np.ndarray

    def wait(self, clock: np.ndarray) -> None:
        """Let a minute pass."""
        self.variance = self.variance + np.where(np.isfinite(clock), clock, 0.0)

    def update(self, price: np.ndarray, noise: np.ndarray, half: np.ndarray) -> None:
        """Learn from a log price (NaN: there was none), its noise in units of the clock, and half its tick."""
        present = np.isfinite(price)
        whole = self.variance + noise
        unit = np.sqrt(self.scale * whole)
        centre = np.where(present, (price - self.mean) / unit, 0.0)
        moved, left = between(centre, np.where(present, half / unit, 0.0))
        gain = self.variance / whole
        self._rescale(present & (self.variance < NOTHING / 2), centre, half / unit)
        self.mean = np.where(present, self.mean + gain * moved * unit, self.mean)
        self.variance = np.where(present, self.variance * (1 - gain) + gain**2 * whole * left, self.variance)

    def _rescale(self, present: np.ndarray, centre: np.ndarray, half: np.ndarray) -> None:
        square = np.maximum(centre**2 - half**2 / 3, 0.0) * self.scale
        worth = np.where(present, self.worth + 1, self.worth)
        self.scale = np.where(present, self.scale + (square - self.scale) / worth, self.scale)
        self.worth = worth


def run(table: Table, guess: np.ndarray, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, as known at the end of each minute, mean and variance of the next minute's trade (log), both (d, n).

    With a Gaussian state and noise and no ticks this is the Kalman filter; rounding enters by the exact first two
    moments of each step (assumed-density filtering, Maybeck 1982, 12.7).
    """
    d, n = table.close.shape
    state = State(np.zeros(d), np.full(d, NOTHING), guess, worth)
    noise, half, spread = table.kind.bounce**2, table.rounding, np.full((2, d, n), np.nan)
    state.update(table.open, noise * table.clock[:, 0], half[:, 0])
    for minute in range(n):
        state.wait(table.clock[:, minute])
        state.update(table.close[:, minute], noise * table.clock[:, minute], half[:, minute])
        if minute + 1 < n:
            ahead = state.variance + (1 + noise) * table.usual[:, minute + 1]
            spread[:, :, minute] = state.mean, state.scale * ahead
    return spread[0], spread[1]
