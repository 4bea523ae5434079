"""The three markets, as parameters: how much of the next close past bars tell is theirs to say."""

from dataclasses import dataclass

import numpy as np

FULL = 390  # minutes of a whole session, over which a day's variance is spread


@dataclass(frozen=True)
class Turn:
    """Say from which day on, in days since 1970, prices are `wilder` and go on where they turned back before.

    Then a trade follows the efficient price and makes up `pace` of the distance in a minute: moves of one sign follow
    each other.
    """

    day: int
    wilder: float = 3.0
    pace: float = 0.6


@dataclass(frozen=True)
class Kind:
    """Hold the parameters that all symbols of a market share; a forecast may know them, a model may not."""

    name: str
    bounce: float  # how far a trade is from the efficient price: standard deviation, in volatilities of its minute
    whole_ticks: bool = False  # prices walk from tick to tick, instead of being rounded to the nearest
    decimals: int = 2  # of a price: one cent is the tick
    swing: float = 0.35  # standard deviation of a day's log volatility
    memory: float = 0.96  # what is left of it the day after
    unrest: float = 0.35  # standard deviation of a minute's log activity, of its slow and of its quick part
    calming: float = 0.97  # what is left of the slow part a minute after
    curve: float = 1.0  # how pronounced the U shape of a session is; 0 is flat
    silence: float = 1.0  # how often minutes pass without a trade; 0 is never
    halts: float = 1.0  # how often trading is halted; 0 is never
    turn: Turn | None = None  # where all this changes

    @property
    def tick(self) -> float:
        """Return the smallest step of a price."""
        return float(10.0**-self.decimals)

    def turned(self, day: np.ndarray) -> np.ndarray:
        """Say of days, in days since 1970, whether they are after the turn."""
        return np.asarray(day >= self.turn.day) if self.turn else np.zeros(np.shape(day), dtype=bool)


KINDS = {
    "realistic": Kind("realistic", bounce=0.6),
    "random_walk": Kind("random_walk", bounce=0.0, whole_ticks=True),
    "strong": Kind("strong", bounce=1.5),
}
